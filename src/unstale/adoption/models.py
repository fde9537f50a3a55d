"""The first revision of a back end's models, written by the project's own alembic, and what calls create_all."""

from __future__ import annotations

import ast
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unstale.errors import Refused
from unstale.facts.guarded_import import imported
from unstale.facts.runtime import runtime
from unstale.facts.sources import setting_up

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.project import Backend


@dataclass(frozen=True, slots=True)
class Baseline:
    """What guard/baseline.py says: the script, its statements, what names each MetaData, the modules that declare."""

    code: str
    sql: tuple[str, ...]
    models: tuple[tuple[str, str], ...]
    modules: tuple[str, ...]
    schemas: bool


def baseline(
    facts: Facts, backend: Backend, kind: str, revision: str, *, server: int = 0
) -> Baseline:
    """Import the models behind the barrier and let alembic write the revision. Raises Refused, Unavailable.

    `server` is PostgreSQL's major version.
    """
    running = runtime(facts, backend.path)
    if running is None or not backend.app:
        raise Refused(
            what="the models were not read",
            why="no interpreter or no app of the back end is known",
            next="Name them: unstale.toml [backend] python, app",
        )
    more = {"dialect": kind, "revision": revision, "server": str(server)}
    answer = imported(facts, backend, running, app=backend.app, want="baseline", more=more)
    said: dict[str, Any] = answer.get("baseline") or {}
    if said.get("alembic", "") is None:
        raise _missing(backend, running.python)
    failed = "; ".join(map(_failure, answer["failed"]))
    if failed or not said.get("sql"):
        raise Refused(
            what="the models were not read",
            why=failed or "the app declares no table",
            next=f"cd {running.cwd} && {running.python} -c 'import {backend.app.partition(':')[0]}'",
        )
    if not all(said["models"]):
        raise Refused(
            what="the models were not read",
            why="a MetaData with tables is in no module's variable and has no mapped class",
            next="Give it a name: metadata = MetaData()",
        )
    models = tuple((str(each[0]), str(each[1])) for each in said["models"])
    modules = tuple(said["modules"])
    return Baseline(said["code"], tuple(said["sql"]), models, modules, bool(said["schemas"]))


def _failure(each: dict[str, Any]) -> str:
    place = f" ({each['file']}:{each['line']})" if each["file"] else ""
    return f"{each['error']}{place}"


def _missing(backend: Backend, python: str) -> Refused:
    place = next((str(each) for each in backend.requirements), "requirements.txt")
    return Refused(
        what="the database is not adopted",
        why=f"alembic is not installed for {python}",
        next=f"Add the line alembic>=1.13 to {place}, then: {python} -m pip install 'alembic>=1.13'",
    )


def creating(facts: Facts, backend: Backend) -> tuple[tuple[str, int, str], ...]:
    """Return (path, line, text) of each call of create_all in the back end's sources."""
    found = []
    for path, text in facts.shared(setting_up, str(backend.path)):
        with suppress(SyntaxError, ValueError):
            lines = text.splitlines()
            found += (
                [(path, at, lines[at - 1]) for at in _calls(ast.parse(text))]
                if "create_all" in text
                else []
            )
    return tuple(found)


def _calls(tree: ast.Module) -> list[int]:
    """Return the lines that call it, or hand it on as run_sync(metadata.create_all) does."""
    return sorted(
        {
            node.lineno
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr == "create_all"
        }
    )
