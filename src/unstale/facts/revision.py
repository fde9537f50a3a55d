"""One alembic revision, read from its script's syntax alone.

A script's names: https://alembic.sqlalchemy.org/en/latest/tutorial.html#create-a-migration-script.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_NAMES = ("revision", "down_revision", "depends_on", "branch_labels")


@dataclass(frozen=True, slots=True)
class Revision:
    """One script: `down` are its parents, several for a merge, none for a base."""

    id: str
    down: tuple[str, ...]
    path: str
    depends: tuple[str, ...] = ()


def revision_of(path: str, source: bytes) -> Revision | None:
    """Return the script's revision, None without one. Raises SyntaxError, ValueError."""
    said = dict(_assigned(ast.parse(source)))
    if "revision" not in said:
        return None
    values = {name: ast.literal_eval(value) for name, value in said.items()}
    return Revision(
        str(values["revision"]),
        _names(values.get("down_revision")),
        path,
        _names(values.get("depends_on")),
    )


def _assigned(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in module.body:
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AnnAssign)
            else []
        )
        for target in targets:
            value = getattr(node, "value", None)
            if isinstance(target, ast.Name) and target.id in _NAMES and isinstance(value, ast.expr):
                yield target.id, value


def _names(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return (
        (value,)
        if isinstance(value, str)
        else tuple(map(str, value))
        if isinstance(value, tuple | list)
        else ()
    )
