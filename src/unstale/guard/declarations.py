"""Reads what imported code declares: tables, settings. Run by import_guard.py, Python 3.9 or later.

Objects are told by `type(x)`: `isinstance` asks `x.__class__`, which a lazy proxy answers by running the project's code.
"""

from __future__ import annotations

import enum
import gc
import hashlib
import json
import sys
from typing import Any

_PYDANTIC = ("pydantic", "pydantic_settings")


def tables() -> list[dict[str, Any]]:
    """Return the tables of every SQLAlchemy MetaData, and of Django's models once it is set up."""
    gc.unfreeze()  # gc.get_objects() does not show what a project froze
    return [*_sqlalchemy_tables(), *_django_tables()]


def settings(salt: str) -> dict[str, Any]:
    """Return {class: {"fields": {name: salted digest}, "invalid": [names]}} of pydantic-settings.

    A class without an instance is instantiated, as the server does on first use.
    """
    gc.unfreeze()
    objects = gc.get_objects()
    kinds = {each for each in objects if issubclass(type(each), type) and _is_settings(each)}
    instances = {type(each): each for each in objects if type(each) in kinds}
    return {
        _name(kind): _setting(kind, instances.get(kind), salt)
        for kind in sorted(kinds, key=_name)
        if kind.__module__.partition(".")[0] not in _PYDANTIC
    }


def _sqlalchemy_tables() -> list[dict[str, Any]]:
    kind = getattr(sys.modules.get("sqlalchemy"), "MetaData", None)
    if kind is None:
        return []
    own = {
        id(each)  # oracle's and mssql's catalogues, which a dialect's import declares
        for name, module in list(sys.modules.items())
        if name.startswith("sqlalchemy.")
        for each in list(getattr(module, "__dict__", {}).values())
        if issubclass(type(each), kind)
    }
    objects = gc.get_objects()
    modules = _mapped_modules(objects)
    found: dict[tuple[str, str], Any] = {}
    for metadata in [each for each in objects if issubclass(type(each), kind)]:
        elsewhere = id(metadata) in own or metadata.info.get(
            "bind_key"
        )  # Flask-SQLAlchemy's second database
        for table in () if elsewhere else list(metadata.tables.values()):
            found.setdefault((table.schema or "", table.name), table)
    return [_table(found[key], modules.get(id(found[key]))) for key in sorted(found)]


def _mapped_modules(objects: list[Any]) -> dict[int, str]:
    """Return the module of the class that is mapped to each table, by the table's id."""
    found: dict[int, str] = {}
    for each in objects:
        if issubclass(type(each), type) and "__table__" in vars(each):
            found.setdefault(id(vars(each)["__table__"]), str(vars(each).get("__module__")))
    return found


def _table(table: Any, module: str | None) -> dict[str, Any]:
    columns = [
        {
            "name": column.name,
            "type": type(column.type).__name__,
            "nullable": bool(column.nullable),
            "primary_key": bool(column.primary_key),
            "has_server_default": column.server_default is not None,
            # the names as stored, also with values_callable
            "enum": list(column.type.enums) if hasattr(column.type, "enums") else None,
        }
        for column in table.columns
    ]
    return {"name": table.name, "schema": table.schema, "columns": columns, "module": module}


def _django_tables() -> list[dict[str, Any]]:
    apps = getattr(sys.modules.get("django.apps"), "apps", None)
    if apps is None or not apps.models_ready:
        return []
    found = []
    for model in apps.get_models(include_auto_created=True):
        options = model._meta
        if options.managed and not options.proxy:
            columns = [_django_column(each) for each in options.local_concrete_fields]
            found.append(
                {
                    "name": options.db_table,
                    "schema": None,
                    "columns": columns,
                    "module": model.__module__,
                }
            )
    return found


def _django_column(field: Any) -> dict[str, Any]:
    default = getattr(field, "has_db_default", None)  # Django 5.0
    return {
        "name": field.column,
        "type": type(field).__name__,
        "nullable": bool(field.null),
        "primary_key": bool(field.primary_key),
        "has_server_default": bool(default()) if default else False,
        "enum": None,
    }


def _is_settings(kind: type) -> bool:
    return any(
        base.__name__ == "BaseSettings"
        and str(vars(base).get("__module__")).partition(".")[0] in _PYDANTIC
        for base in kind.__mro__
    )


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _setting(kind: Any, instance: Any, salt: str) -> dict[str, Any]:
    try:
        instance = kind() if instance is None else instance
    except Exception as error:
        errors: list[Any] = getattr(error, "errors", list)()
        return {"fields": {}, "invalid": [".".join(map(str, each["loc"])) for each in errors]}
    names = getattr(kind, "model_fields", None) or getattr(kind, "__fields__", {})
    return {
        "fields": {name: _digest(getattr(instance, name), salt) for name in names},
        "invalid": [],
    }


def _digest(value: object, salt: str) -> str:
    text = json.dumps(_plain(value), sort_keys=True, default=str)
    return hashlib.sha256((salt + text).encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    """Return the value as JSON can hold it; equal values give equal text in any process."""
    reveal = getattr(value, "get_secret_value", None)
    if reveal:
        return _plain(reveal())
    if isinstance(value, enum.Enum):
        return _plain(value.value)
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(each) for each in value), key=repr)
    fields = getattr(type(value), "model_fields", None)
    return {name: _plain(getattr(value, name)) for name in fields} if fields else value
