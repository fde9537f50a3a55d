"""DBF002."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unstale.action import Action, Edit
from unstale.actions.deleted_database import SaveAndRestart, saving
from unstale.check import check
from unstale.facts.sqlite import Databases
from unstale.finding import Finding, Fresh
from unstale.layer import Layer

if TYPE_CHECKING:
    from unstale.facts.sqlite_open import Deleted


@check(
    "DBF002",
    "a deleted database is still in use",
    layer=Layer.DATABASE,
    since="0.1",
    fix=SaveAndRestart,
)
def deleted_database_is_still_open(databases: Databases) -> Iterator[Finding | Fresh]:
    """A server reads and writes a database file that was deleted; its end is the end of the data.

    What it proves
    An open descriptor of a process of ours leads to a SQLite file whose name is gone or now
    another file's.

    Why it matters
    With WAL every write still succeeds, into nowhere; any restart frees the last copy for ever.

    How it gets this way
    `rm app.db && alembic upgrade head`, or a restored backup, while the server runs.

    How it is seen
    `/proc/PID/fd/N` ends in "(deleted)", and its first 16 bytes, read through it, are SQLite's.

    What is not flagged
    SQLite's own temporary files, files outside the project that no URL names, clients that are
    only seen.

    Fix, risk and undo
    Save file and WAL through descriptors of ours, verify, stop the server, save once more, put the
    file back where nothing or only a file without rows is, start the server. A file with rows
    there, or a second WAL that may be its own, is a choice: the commands are printed. Until then
    every restart is refused. Not undoable: a deleted file cannot come back.
    """
    for file in databases.files:
        if file.openers and databases.lost(file.path) is None:
            named = databases.shows("the file at this path", f"stat {file.path}")
            held = databases.shows("the file at this path", f"ls -l /proc/{file.openers[0]}/fd")
            yield Fresh(f"database {file.path}", named, held)
    for lost in databases.deleted:
        there = "nothing" if lost.beside is None else f"another file of {lost.beside:,} bytes"
        pids = ", ".join(map(str, lost.pids))
        link = f"/proc/{lost.pid}/fd/{lost.descriptor}"
        yield Finding(
            f"database {lost.path}",
            f"process {pids} uses it, but it was deleted; {there} is at its path",
            want=databases.shows(f"{there} at the path", f"stat {lost.path}"),
            have=databases.shows(f"a deleted file of {lost.size:,} bytes", f"ls -lL {link}"),
            fix=_fix(lost),
            pids=lost.pids,
            paths=(lost.path,),
            explains=frozenset({f"database:{lost.path}"}),
            forbids_restart=True,
        )


def _fix(lost: Deleted) -> Action:
    saved = saving(lost.pid, lost.descriptor, lost.wals, "saved.db")
    if not lost.certain:
        choice = "# one of these WALs is its own: try each as saved.db-wal, on copies"
        return Edit(f"save the deleted {lost.path} and its WAL", (*saved, choice))
    if not lost.filled:
        wal = next(iter(lost.wals), -1)
        return SaveAndRestart(lost.path, lost.pid, lost.descriptor, wal, lost.leaders)
    return Edit(
        f"save the deleted {lost.path}, then choose: the file now there has rows too",
        (
            *saved,
            "sqlite3 saved.db .dump > saved.sql",
            f"sqlite3 {lost.path} .dump | diff - saved.sql",
        ),
    )
