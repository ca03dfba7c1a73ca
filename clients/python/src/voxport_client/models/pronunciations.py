"""Pronunciation dictionaries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from voxport_client.models.base import Model


@dataclass(frozen=True, kw_only=True)
class DictionaryRule(Model):
    """Whole words (`match`) that are read as `alias` or spoken as `ipa`; one of the two is set."""

    match: str
    alias: str | None = None
    ipa: str | None = None
    case_sensitive: bool = False


@dataclass(frozen=True, kw_only=True)
class DictionarySummary(Model):
    """A dictionary without its rules. `version` counts its changes."""

    id: str
    name: str
    language: str
    version: int
    rule_count: int
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class PronunciationDictionary(Model):
    """A dictionary. `version` counts its changes; what is spoken says which version spoke."""

    id: str
    name: str
    language: str
    version: int
    rules: list[DictionaryRule]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class DeletedDictionary(Model):
    id: str
