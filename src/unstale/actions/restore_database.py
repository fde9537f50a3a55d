"""Brings a database back to its backup, where nothing was written since."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from unstale.action import Action, Keep
from unstale.errors import Failed
from unstale.facts.sqlite import Databases
from unstale.layer import Layer, Risk

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.host import Host

_LOST = 5  # tables that a refusal names


@dataclass(frozen=True, slots=True)
class RestoreDatabase(Action):
    """Bring a database back to its backup, where nothing was written since.

    The content goes through SQLite's online backup into the live file, in one transaction:
    processes that have it open see the former content. Replacing the file by rename would leave
    them on a deleted one. `before` is None where the database was empty, `after` holds its digest
    at the end of the step.
    """

    risk: ClassVar[Risk] = Risk.DESTRUCTIVE
    layer: ClassVar[Layer] = Layer.SCHEMA

    path: str
    before: str | None
    after: str
    existed: bool

    def title(self) -> str:
        return f"restore {self.path} as it was before the migration"

    def preview(self) -> tuple[str, ...]:
        return (
            f"sqlite3 {self.path} \".restore '{self.before}'\""
            if self.before
            else f"mv {self.path} {self.path}.new",
        )

    def settled(self, facts: Facts) -> bool:
        return facts.host.stat(self.path) is None and not self.existed

    def blocked(self, facts: Facts) -> str | None:
        lost = _written_since(facts.host, self)
        if lost:
            return f"it was written since; these rows would be lost: {', '.join(lost[:_LOST])}"
        openers = next(
            (each.openers for each in facts.get(Databases).files if each.path == self.path), ()
        )
        if self.before is None and openers:
            pids = ", ".join(map(str, openers))
            return f"process {pids} has it open, and it was not there before: stop it first"
        return None

    def apply(self, host: Host, keep: Keep) -> None:
        if host.stat(self.after) is None:
            return  # the step ended before it changed anything
        lost = _written_since(host, self)
        if lost:
            raise Failed(
                what=f"{self.path} is not restored",
                why=f"it was written since: {', '.join(lost[:_LOST])}",
                next=f"The backup is {self.before}." if self.before else "Nothing was changed.",
            )
        if self.before is not None:
            host.backup_database(self.before, self.path)
            return
        for suffix in ("", "-wal", "-shm", "-journal"):
            if host.stat(self.path + suffix) is not None:
                host.rename(self.path + suffix, f"{keep.trash}/{Path(self.path).name}{suffix}")
        if self.existed:
            host.write(self.path, b"", 0o644)


def _written_since(host: Host, restore: RestoreDatabase) -> list[str]:
    """Return "3 of note" for each table whose rows are not those at the end of the step, nor in
    the backup.
    """
    try:
        noted = {name: tuple(each) for name, each in json.loads(host.read(restore.after)).items()}
    except (OSError, ValueError) as error:
        return [f"all, because {restore.after} cannot be read ({type(error).__name__})"]
    seen = host.stat(restore.path)
    now = host.digest_database(restore.path) if seen is not None and seen.size else {}
    kept = host.digest_database(restore.before) if restore.before is not None else {}
    return [
        *(
            _changed(name, now[name][0], noted.get(name))
            for name in now
            if now[name] != noted.get(name)
        ),
        *(
            f"{now[name][0] - kept[name][0]} of {name}"  # written while the migration ran, or by it
            for name in now
            if now[name] == noted.get(name) and name in kept and now[name][0] > kept[name][0]
            if name != "alembic_version"
        ),
    ]


def _changed(name: str, rows: int, noted: tuple[int, str] | None) -> str:
    more = rows - (noted[0] if noted else 0)
    return f"{more} of {name}" if more > 0 else f"changed rows of {name}"
