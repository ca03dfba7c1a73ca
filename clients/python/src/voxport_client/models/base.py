"""Base of all models, and the decoder from the gateway's JSON."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

M = TypeVar("M", bound="Model")


_MIN_POWER, _MAX_POWER = -400, 18
"""Powers of ten. Arithmetic with a larger amount fails or fills the memory; no gateway sends one."""


class DecodeError(ValueError):
    """The JSON does not have the shape of the model. The message names the field."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """An object of the gateway. `extra` holds the fields that this version of the client does not know.

    Amounts of tokens are `Decimal`, moments are `datetime` in UTC."""

    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def decode(kind: type[M], value: object) -> M:
    """Build a model from parsed JSON whose decimal numbers are `Decimal`. A field that is missing takes its default, or
    None where it may be None. Raises DecodeError."""
    if not isinstance(value, dict):
        raise DecodeError(f"{kind.__name__} is no object")
    hints, fields = (
        _hints(cast(Hashable, kind)),
        {one.name: one for one in dataclasses.fields(kind) if one.name != "extra"},
    )
    found: dict[str, Any] = {}
    for name, one in fields.items():
        if name in value:
            found[name] = _convert(hints[name], value[name], f"{kind.__name__}.{name}")
        elif one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            if not _is_optional(hints[name]):
                raise DecodeError(f"{kind.__name__}.{name} is missing")
            found[name] = None
    extra = {name: plain(one) for name, one in value.items() if name not in fields}
    return kind(**found, extra=extra)


def plain(value: Any) -> Any:
    """Return parsed JSON with `float` in place of `Decimal`."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _is_optional(hint: Any) -> bool:
    return type(None) in get_args(hint)


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        (inner,) = (one for one in get_args(hint) if one is not type(None))
        return _convert(inner, value, where)
    if hint is Any:
        return plain(value)
    if origin is Literal:  # a later gateway may have more values
        return value
    if origin is list:
        _require(isinstance(value, list), where, "a list")
        return [_convert(get_args(hint)[0], one, where) for one in value]
    if origin in (dict, Mapping):
        _require(isinstance(value, dict), where, "an object")
        return {name: _convert(get_args(hint)[1], one, where) for name, one in value.items()}
    if isinstance(hint, type) and issubclass(hint, Model):
        _require(isinstance(value, dict), where, "an object")
        return decode(hint, value)
    return _scalar(hint, value, where)


def _scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is datetime:
        _require(isinstance(value, str), where, "a moment")
        try:
            found = datetime.fromisoformat(value)
            found.astimezone(UTC)  # its zone may lead out of the years that there are
            return found
        except (ValueError, OverflowError):
            raise DecodeError(f"{where} is no moment") from None
    if hint in (Decimal, float):
        _require(isinstance(value, int | float | Decimal) and not isinstance(value, bool), where, "a number")
        number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
        is_usual = number.is_finite() and _MIN_POWER <= number.adjusted() <= _MAX_POWER
        _require(is_usual, where, "a number of a usual size")
        return hint(number)
    _require(isinstance(value, hint) and (hint is bool or not isinstance(value, bool)), where, f"{hint.__name__}")
    return value


def _require(is_right: bool, where: str, what: str) -> None:
    if not is_right:
        raise DecodeError(f"{where} is not {what}")
