"""Frozen dataclasses to JSON values and back; the types are read from the annotations."""

from __future__ import annotations

import base64
import dataclasses
import types
from datetime import datetime
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints


def encode(value: Any) -> Any:  # noqa: PLR0911 - one return for each kind of value
    """Return the JSON value. Raises TypeError for a type that no fact may hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, frozenset | set):
        return sorted(encode(item) for item in value)
    msg = f"{type(value).__name__} cannot be recorded"
    raise TypeError(msg)


def decode(kind: Any, value: Any) -> Any:
    """Return the value of type `kind` that `encode` wrote."""
    if value is None or kind is Any:
        return value
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        return kind(
            **{name: decode(hints[name], item) for name, item in value.items() if name in hints}
        )
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(get_args(kind), value)
    if origin is not None:
        return _decode_container(origin, get_args(kind), value)
    return _decode_scalar(kind, value)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _decode_union(kinds: tuple[Any, ...], value: Any) -> Any:
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    if len(kinds) == 1:
        return decode(kinds[0], value)
    if isinstance(value, dict):  # of several records the one that has these fields
        kinds = tuple(kind for kind in kinds if dataclasses.is_dataclass(kind))
        named = (kind for kind in kinds if {f.name for f in dataclasses.fields(kind)} == set(value))
        return decode(next(named), value)
    return next(
        (value for kind in kinds if isinstance(kind, type) and isinstance(value, kind)), value
    )


def _decode_container(origin: Any, arguments: tuple[Any, ...], value: Any) -> Any:
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:  # noqa: PLR2004 - "tuple[X, ...]"
        return tuple(decode(arguments[0], item) for item in value)
    if origin is tuple:
        return tuple(decode(kind, item) for kind, item in zip(arguments, value, strict=True))
    if origin is dict:
        return {
            decode(arguments[0], key): decode(arguments[1], item) for key, item in value.items()
        }
    return origin(decode(arguments[0], item) for item in value)


def _decode_scalar(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return kind(*value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is bytes:
        return base64.b64decode(value)
    if isinstance(kind, type) and (issubclass(kind, Enum | Path) or kind in (int, float)):
        return kind(value)
    return value
