"""`client.pronunciations`: dictionaries of how words are spoken."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from pathlib import Path

from voxport_client.models.names import PronunciationRule
from voxport_client.models.pronunciations import DeletedDictionary, DictionarySummary, PronunciationDictionary
from voxport_client.transport.async_transport import AsyncTransport
from voxport_client.transport.calls import Call, parse_data, parse_list, path
from voxport_client.transport.sync_transport import Transport

_PATH = "/v1/pronunciations"
_PLS = "application/pls+xml"


def _list() -> Call[list[DictionarySummary]]:
    return Call("GET", _PATH, parse_list(DictionarySummary))


def _get(dictionary_id: str) -> Call[PronunciationDictionary]:
    return Call("GET", _of(dictionary_id), parse_data(PronunciationDictionary))


def _write(
    dictionary_id: str | None, name: str, language: str, rules: Sequence[PronunciationRule]
) -> Call[PronunciationDictionary]:
    body = {"name": name, "language": language, "rules": list(rules)}
    method, where = ("POST", _PATH) if dictionary_id is None else ("PUT", _of(dictionary_id))
    # A lost answer may hide a dictionary, or a version, that was made: another one would be made unasked.
    return Call(method, where, parse_data(PronunciationDictionary), body=body, is_repeatable=False)


def _write_pls(
    dictionary_id: str | None, source: str | Path | bytes, name: str | None
) -> Call[PronunciationDictionary]:
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    method, where = ("POST", _PATH) if dictionary_id is None else ("PUT", _of(dictionary_id))
    return Call(
        method,
        where,
        parse_data(PronunciationDictionary),
        query={"name": name},
        content=content,
        headers={"Content-Type": _PLS},
        is_repeatable=False,
    )


def _delete(dictionary_id: str) -> Call[DeletedDictionary]:
    return Call("DELETE", _of(dictionary_id), parse_data(DeletedDictionary))


def _export(dictionary_id: str) -> Call[str]:
    return Call("GET", _of(dictionary_id), lambda response: response.text, headers={"Accept": _PLS})


def _of(dictionary_id: str) -> str:
    return path(_PATH + "/{dictionary_id}", dictionary_id=dictionary_id)


class Pronunciations:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> builtins.list[DictionarySummary]:
        """Your dictionaries, the oldest first, without their rules."""
        return self._transport.send(_list())

    def get(self, dictionary_id: str) -> PronunciationDictionary:
        """A dictionary with its rules."""
        return self._transport.send(_get(dictionary_id))

    def create(self, name: str, language: str, rules: Sequence[PronunciationRule]) -> PronunciationDictionary:
        """Make a dictionary. A rule is like `{"match": "Nguyen", "alias": "win"}`, or has `ipa` in place of `alias`."""
        return self._transport.send(_write(None, name, language, rules))

    def replace(
        self, dictionary_id: str, name: str, language: str, rules: Sequence[PronunciationRule]
    ) -> PronunciationDictionary:
        """Replace name, language and rules, as the dictionary's next version."""
        return self._transport.send(_write(dictionary_id, name, language, rules))

    def delete(self, dictionary_id: str) -> DeletedDictionary:
        """Delete a dictionary."""
        return self._transport.send(_delete(dictionary_id))

    def import_pls(self, source: str | Path | bytes, *, name: str | None = None) -> PronunciationDictionary:
        """Make a dictionary of a PLS file: a path, or its bytes."""
        return self._transport.send(_write_pls(None, source, name))

    def replace_by_pls(
        self, dictionary_id: str, source: str | Path | bytes, *, name: str | None = None
    ) -> PronunciationDictionary:
        """Replace name, language and rules by those of a PLS file, as the dictionary's next version."""
        return self._transport.send(_write_pls(dictionary_id, source, name))

    def export_pls(self, dictionary_id: str) -> str:
        """A dictionary as a PLS file."""
        return self._transport.send(_export(dictionary_id))


class AsyncPronunciations:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self) -> builtins.list[DictionarySummary]:
        """Your dictionaries, the oldest first, without their rules."""
        return await self._transport.send(_list())

    async def get(self, dictionary_id: str) -> PronunciationDictionary:
        """A dictionary with its rules."""
        return await self._transport.send(_get(dictionary_id))

    async def create(self, name: str, language: str, rules: Sequence[PronunciationRule]) -> PronunciationDictionary:
        """Make a dictionary. A rule is like `{"match": "Nguyen", "alias": "win"}`, or has `ipa` in place of `alias`."""
        return await self._transport.send(_write(None, name, language, rules))

    async def replace(
        self, dictionary_id: str, name: str, language: str, rules: Sequence[PronunciationRule]
    ) -> PronunciationDictionary:
        """Replace name, language and rules, as the dictionary's next version."""
        return await self._transport.send(_write(dictionary_id, name, language, rules))

    async def delete(self, dictionary_id: str) -> DeletedDictionary:
        """Delete a dictionary."""
        return await self._transport.send(_delete(dictionary_id))

    async def import_pls(self, source: str | Path | bytes, *, name: str | None = None) -> PronunciationDictionary:
        """Make a dictionary of a PLS file: a path, or its bytes."""
        return await self._transport.send(_write_pls(None, source, name))

    async def replace_by_pls(
        self, dictionary_id: str, source: str | Path | bytes, *, name: str | None = None
    ) -> PronunciationDictionary:
        """Replace name, language and rules by those of a PLS file, as the dictionary's next version."""
        return await self._transport.send(_write_pls(dictionary_id, source, name))

    async def export_pls(self, dictionary_id: str) -> str:
        """A dictionary as a PLS file."""
        return await self._transport.send(_export(dictionary_id))
