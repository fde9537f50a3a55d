"""Brings a database back to its backup, where nothing was written since or the loss was accepted to the row."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from unstale.action import Action, Keep
from unstale.errors import Failed
from unstale.facts.sqlite import Databases
from unstale.layer import Layer, Risk
from unstale.store import unaccepted

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.host import Host


@dataclass(frozen=True, slots=True)
class RestoreDatabase(Action):
    """Bring a database back to its backup, where nothing was written since.

    The content goes through SQLite's online backup into the live file, in one transaction:
    processes that have it open see the former content. Replacing the file by rename would leave
    them on a deleted one. `before` is None where the database was empty, `after` holds its digest
    at the end of the step. `accept` is how many rows may be lost, exactly; what is replaced is kept then.
    """

    risk: ClassVar[Risk] = Risk.DESTRUCTIVE
    layer: ClassVar[Layer] = Layer.SCHEMA

    path: str
    before: str | None
    after: str
    existed: bool
    accept: int | None = None

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

    def lacks(self, host: Host) -> str | None:
        """Return why the backup cannot be restored from: an empty or damaged one would replace all there is."""
        for kept in filter(None, (self.before, self.after)):
            if host.stat(kept) is None:
                return f"{kept} is no longer there"
        flaw = host.database_flaw(self.before) if self.before is not None else None
        return f"the backup {self.before} is damaged: {flaw}" if flaw else None

    def losses(self, host: Host) -> dict[str, int]:
        """Return the rows by table that were written since the step or, perhaps by itself, while it ran.

        A table that only has another definition counts 0 rows.
        """
        now = _digest(host, self.path)
        kept = _digest(host, self.before) if self.before is not None else {}
        if now == kept:
            return {}
        noted = _noted(host, self.after)
        changed = tuple(name for name in now if now[name] != noted.get(name))
        both = tuple(name for name in changed if name in kept)
        differing = host.differing_rows(self.path, self.before, both) if self.before else {}
        fresh = {
            name: max(now[name][0] - noted.get(name, (0, ""))[0], 0)
            for name in changed
            if name not in kept
        }
        meanwhile = {
            name: now[name][0] - kept[name][0]
            for name in now
            if name in kept and name not in changed and now[name][0] > kept[name][0]
            if name != "alembic_version"
        }
        return {**fresh, **differing, **meanwhile}

    def accepting(self, rows: int) -> RestoreDatabase:
        """Return the same restore, allowed to lose exactly so many rows."""
        return replace(self, accept=rows)

    def blocked(self, facts: Facts) -> str | None:
        why_not = self.unacceptable(facts.host)
        if why_not is not None:
            return why_not
        databases = facts.maybe(Databases) if self.before is None else None
        files = databases.files if databases else ()
        openers = next((each.openers for each in files if each.path == self.path), ())
        if openers:
            pids = ", ".join(map(str, openers))
            return f"process {pids} has it open, and it was not there before: stop it first"
        return None

    def inverse(self, facts: Facts, keep: Keep) -> Action | None:
        """Return what brings the replaced content back, which is kept where rows were given up."""
        if self.accept is None:
            return None
        return RestoreDatabase(self.path, _replaced(keep), f"{keep.state}/after.json", existed=True)

    def apply(self, host: Host, keep: Keep) -> str | None:
        if host.stat(self.after) is None:
            return None  # the step ended before it changed anything
        why_not = self.lacks(host) or self.unacceptable(host)
        if why_not is not None:
            raise Failed(
                what=f"{self.path} is not restored",
                why=why_not,
                next=f"The backup is {self.before}." if self.before else "Nothing was changed.",
            )
        if self.accept is not None:
            self._keep(host, keep)
        self._restore(host, keep)
        if self.accept is None:
            return None
        host.write(f"{keep.state}/after.json", json.dumps(_digest(host, self.path)).encode())
        return f"the replaced database is {_replaced(keep)}"

    def _keep(self, host: Host, keep: Keep) -> None:
        """Keep the live content, unless it is what an earlier try has restored already: its rows are not there."""
        partial = f"{_replaced(keep)}.partial"
        if host.stat(_replaced(keep)) is not None and not self.losses(host):
            return
        for former in (partial, _replaced(keep)):
            if host.stat(former) is not None:
                host.remove(former, str(keep.state))
        host.backup_database(self.path, partial)
        host.rename(partial, _replaced(keep))

    def _restore(self, host: Host, keep: Keep) -> None:
        if self.before is not None:
            host.backup_database(self.before, self.path)
            return
        moved = f"{keep.state}/{Path(self.path).name}"
        for suffix in ("", "-wal", "-shm", "-journal"):
            if host.stat(self.path + suffix) is not None:
                host.rename(self.path + suffix, f"{moved}{suffix}")
        if self.existed and host.stat(moved) is not None:
            host.copy("/dev/null", self.path, like=moved)

    def unacceptable(self, host: Host) -> str | None:
        """Return why it must not be restored now: the rows that would be lost, and that nobody accepted."""
        return unaccepted(self.losses(host), self.accept)


def _replaced(keep: Keep) -> str:
    return f"{keep.state}/replaced.db"


def _digest(host: Host, path: str) -> dict[str, tuple[int, str]]:
    """Return rows and digest by table; of a file that is missing or empty nothing. Raises Failed."""
    seen = host.stat(path)
    try:
        return host.digest_database(path) if seen is not None and seen.size else {}
    except sqlite3.Error as error:
        raise Failed(
            what=f"cannot read {path}", why=str(error), next=f"sqlite3 {path} 'PRAGMA quick_check'"
        ) from None


def _noted(host: Host, after: str) -> dict[str, tuple[int, str]]:
    """Return the digest at the end of the step; of an unreadable one nothing, so that every table counts as written."""
    try:
        return {name: (rows, mark) for name, (rows, mark) in json.loads(host.read(after)).items()}
    except (AttributeError, OSError, TypeError, ValueError):
        return {}
