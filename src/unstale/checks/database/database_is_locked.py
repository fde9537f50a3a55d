"""DBF001."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.action import Action, Edit
from unstale.actions.restart import Restart
from unstale.check import check
from unstale.facts.sqlite import Databases
from unstale.facts.sqlite_locks import DatabaseLocks, LockHolder
from unstale.finding import Finding, Fresh, Unknown
from unstale.layer import Layer, Severity

_BUSY = 0.5  # a writer at work uses a processor; a forgotten transaction waits


@check(
    "DBF001",
    "a forgotten transaction locks the database",
    layer=Layer.DATABASE,
    since="0.1",
    fix=Restart,
)
def database_is_locked(
    databases: Databases, locks: DatabaseLocks
) -> Iterator[Finding | Fresh | Unknown]:
    """One process holds the database's only writer lock and lets no one else write.

    What it proves
    The same process held the same writer lock in each of 23 samples over more than two seconds.

    Why it matters
    Every other write fails with "database is locked", after its time limit, and readers may join
    them.

    How it gets this way
    A transaction begun and never ended, a database browser with unsaved edits, a stopped process.

    How it is seen
    Byte ranges in `/proc/locks`: RESERVED, PENDING, EXCLUSIVE on the file, WRITE on the `-shm`.

    What is not flagged
    A live WAL, an idle reader, locks that come and go. A writer that uses a processor is a risk
    only.

    Fix, risk and undo
    Restart the holder when it is ours; its open transaction rolls back. Else `unstale fix DBF001
    --pid N` ends it. Not undoable. Deleting -wal, -shm or -journal destroys data and is never the
    cure.
    """
    for file in databases.files:
        if file.size is None:
            continue
        holders = locks.of(file.path)
        free = databases.shows("no writer lock stands for 2 s", "cat /proc/locks")
        for holder in holders:
            if holder.pid <= 0:
                yield Unknown(
                    file.path, "a process that /proc does not show locks it", "lslocks as root"
                )
                continue
            idle = holder.busy < _BUSY
            who = f"process {holder.pid} ({holder.command or 'unknown'})"
            time = f"for over {holder.seconds:.0f} s, state {holder.state}"
            yield Finding(
                f"database {file.path}",
                f"{who} keeps the {holder.lock} lock",
                want=free,
                have=locks.shows(
                    f"{holder.lock} by {holder.pid} {time}",
                    f"lslocks -p {holder.pid}",
                ),
                fix=_fix(holder),
                severity=Severity.STALE if idle else Severity.RISK,
                pids=(holder.pid,),
                paths=(file.path,),
                explains=frozenset({f"lock:{file.path}"}),
            )
        if not holders:
            yield Fresh(
                f"database {file.path}",
                free,
                locks.shows(free.value, f"lslocks | grep {file.path}"),
            )


def _fix(holder: LockHolder) -> Action:
    if holder.leader is not None:
        return Restart(holder.leader, holder.leader_ticks, holder.leader_command, overlap=False)
    return Edit(
        f"end the transaction in process {holder.pid}",
        (f"unstale fix DBF001 --pid {holder.pid}   # ends: {holder.command}",),
    )
