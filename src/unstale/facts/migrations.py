"""The project's alembic histories, read from the scripts' syntax alone: no env.py is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.owners import owner
from unstale.facts.revision import Revision, revision_of
from unstale.facts.runtime import runtime
from unstale.layer import Layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unstale.host import Host
    from unstale.project import Migrations


@dataclass(frozen=True, slots=True)
class History:
    """One alembic history. `unread` are scripts that are no valid Python or name no constant
    revision.

    `python` and the environment of `pid` run it as the server would, None where that is not known.
    """

    config: str
    backend: Path | None
    python: str | None
    pid: int | None
    revisions: tuple[Revision, ...]
    unread: tuple[str, ...] = ()

    @property
    def heads(self) -> tuple[str, ...]:
        """Return the revisions that no other builds upon."""
        parents = {down for each in self.revisions for down in each.down}
        return tuple(sorted(each.id for each in self.revisions if each.id not in parents))

    def ancestors(self, revision: str) -> frozenset[str]:
        """Return all that lies under the revision, itself excepted."""
        by_id = {each.id: each for each in self.revisions}
        seen: set[str] = set()
        todo = [revision]
        while todo:
            each = by_id.get(todo.pop())
            new = (
                []
                if each is None
                else [down for down in (*each.down, *each.depends) if down not in seen]
            )
            seen.update(new)
            todo += new
        return frozenset(seen)

    def pending(self, applied: tuple[str, ...]) -> tuple[Revision, ...] | None:
        """Return what is not applied yet; None where an applied revision is not in this history."""
        known = {each.id for each in self.revisions}
        if not set(applied) <= known:
            return None
        done = {*applied, *(under for each in applied for under in self.ancestors(each))}
        return tuple(each for each in self.revisions if each.id not in done)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationHistories(Fact):
    """The migration histories of the project."""

    layer = Layer.SCHEMA

    histories: tuple[History, ...]

    @classmethod
    def gather(cls, facts: Facts) -> MigrationHistories:
        found = [
            _history(facts, each) for each in facts.project.migrations if each.kind == "alembic"
        ]
        histories = tuple(each for each in found if each.revisions or each.unread)
        if not histories:
            raise Absent(
                what="no migrations", why="this project has no migrations", next="alembic init"
            )
        return cls(seen_at=facts.host.now(), histories=histories)

    def summary(self) -> str:
        return ", ".join(f"head {' '.join(each.heads)}" for each in self.histories)

    def of(self, backend: Path | None) -> History | None:
        """Return the history of the back end, or the only one."""
        mine = [each for each in self.histories if each.backend == backend]
        return mine[0] if len(mine) == 1 else None


def _history(facts: Facts, each: Migrations) -> History:
    if not each.versions:
        raise Unavailable(
            what=f"cannot read {each.config}",
            why="it is damaged: alembic could not parse it",
            next=f"alembic -c {each.config} heads",
        )
    found: list[Revision] = []
    unread: list[str] = []
    for path in _scripts(facts.host, each):
        try:
            revision = revision_of(path, facts.host.read(path))
        except (SyntaxError, ValueError):
            unread.append(path)
        else:
            found += [revision] if revision else []
    backend = owner(facts.project, each)
    running = runtime(facts, backend)
    return History(
        config=str(each.config),
        backend=backend,
        python=running.python if running else None,
        pid=running.pid if running else None,
        revisions=tuple(sorted(found, key=lambda item: item.id)),
        unread=tuple(unread),
    )


def _scripts(host: Host, each: Migrations) -> Iterator[str]:
    for place in each.versions:
        if host.stat(str(place)) is None:
            continue
        try:
            names = host.names(str(place))
        except OSError as error:
            raise Unavailable(
                what=f"cannot list {place}",
                why=error.strerror or str(error),
                next="Run as a user who may.",
            ) from None
        yield from (
            f"{place}/{name}"
            for name in names
            if name.endswith(".py") and name != "__init__.py" and not name.startswith(".#")
        )
