"""PRC002."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.actions.restart import Restart
from unstale.check import check
from unstale.facts.app_processes import AppProcesses
from unstale.finding import Finding, Fresh, Unknown
from unstale.layer import Layer


@check(
    "PRC002",
    "the process works in a directory that is gone",
    layer=Layer.PROCESS,
    since="0.1",
    fix=Restart,
)
def working_directory_is_gone(processes: AppProcesses) -> Iterator[Finding | Fresh | Unknown]:
    """A server stands in a directory that was deleted or replaced.

    What it proves
    The kernel names the process's working directory as deleted, and no name is left of it.

    Why it matters
    It serves the deleted release; relative paths (a SQLite file, templates, uploads) lead nowhere.

    How it gets this way
    A deploy that does `rm -rf app && git clone`, or removes the old release before the restart.

    How it is seen
    `readlink /proc/PID/cwd` ends in " (deleted)" and the directory's link count is 0.

    What is not flagged
    A directory whose name really ends so. Daemons that stand in /. Processes of other projects.

    Fix, risk and undo
    Restart it in the directory that has the name now. Open requests are cut; no undo.
    """
    for unread in processes.unread:
        yield Unknown(unread.subject, "it is another user's and may not be read", unread.look)
    for process in processes.of("server", "job"):
        if process.leader != process.pid:
            continue
        source = f"readlink /proc/{process.pid}/cwd"
        want = processes.shows(process.cwd, f"ls -di {process.cwd}")
        if not process.cwd_gone:
            yield Fresh(process.subject, want, processes.shows(process.cwd, source))
            continue
        yield Finding(
            process.subject,
            "its working directory was deleted or replaced while it ran",
            want=want,
            have=processes.shows(f"{process.cwd} (deleted)", source),
            fix=Restart(process.pid, process.ticks, process.command),
            pids=(process.pid,),
            ports=process.ports,
            explains=frozenset({f"pid:{process.pid}"}),
        )
