"""Finds the MetaData of imported models, and which modules declare their tables. Run by import_guard.py, Python 3.9 or
later.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import sys
from typing import Any


def hold_create_all() -> None:
    """Let create_all do nothing, which many apps call when they are imported: what it would make is what is asked."""
    with contextlib.suppress(ImportError):
        kind: Any = importlib.import_module("sqlalchemy").MetaData
        kind.create_all = lambda *_, **__: None


def metadatas() -> list[Any]:
    """Return the project's own MetaData that declare tables, as declarations.py tells them."""
    kind = sys.modules["sqlalchemy"].MetaData
    own = {
        id(each)
        for name, module in list(sys.modules.items())
        if name.startswith("sqlalchemy.")
        for each in list(getattr(module, "__dict__", {}).values())
        if issubclass(type(each), kind)
    }
    found = [each for each in gc.get_objects() if issubclass(type(each), kind)]
    return [
        each
        for each in found
        if id(each) not in own
        and each.tables
        and not each.info.get("bind_key")  # Flask-SQLAlchemy's second database
    ]


def named(metadatas: list[Any], tables: list[Any]) -> dict[str, Any]:
    """Return how another program gets at each MetaData with all its tables.

    {"models": [[module, expression] that names each MetaData, [] where none does], "modules": [all that declare]}
    """
    mapped = _mapped({id(each) for each in tables})
    known = {id(vars(each)["__table__"]) for each in mapped}
    plain = [_assigned(each) for each in tables if id(each) not in known]
    modules = {each.__module__ for each in mapped} | {each[0] for each in plain if each}
    return {
        "models": [_mapping(each, mapped) or _assigned(each) for each in metadatas],
        "modules": sorted(modules),
    }


def _mapped(tables: set[int]) -> list[Any]:
    found = [
        each
        for each in gc.get_objects()
        if issubclass(type(each), type) and id(vars(each).get("__table__")) in tables
    ]
    return sorted(found, key=lambda each: (each.__module__, each.__qualname__))


def _mapping(metadata: Any, mapped: list[Any]) -> list[str]:
    for each in mapped:
        if getattr(each, "metadata", None) is metadata:
            return [each.__module__, f"{each.__qualname__}.metadata"]
    return []


def _assigned(thing: Any) -> list[str]:
    """Return the module that makes it, and its name there; a module that only imports it has it too."""
    for name, module in list(sys.modules.items()):
        space = dict(getattr(module, "__dict__", {}))
        names = {key for key, value in space.items() if value is thing}
        made = names and sorted(names & _targets(str(space.get("__file__"))))
        if made:
            return [name, made[0]]
    return []


def _targets(path: str) -> set[str]:
    """Return the names that a source file assigns at its top level."""
    try:
        with open(path, encoding="utf-8") as file:
            body = ast.parse(file.read()).body
    except (OSError, SyntaxError, ValueError):
        return set()
    found = [each for node in body if isinstance(node, ast.Assign) for each in node.targets]
    found += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return {each.id for each in found if isinstance(each, ast.Name)}
