"""PRC008."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.actions.process import End
from unstale.check import check
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.finding import Finding, Fresh
from unstale.layer import Layer


@check(
    "PRC008", "a development server outlives its wrapper", layer=Layer.PROCESS, since="0.1", fix=End
)
def dev_server_outlives_its_wrapper(processes: AppProcesses) -> Iterator[Finding | Fresh]:
    """A development server runs on after `npm run`, `npx` or `uv run` was killed, and keeps its port.

    What it proves
    It listens; its environment says that a wrapper started it; no such wrapper is left above it.

    Why it matters
    The next start moves to another port in silence; the browser stays with the old one.

    How it gets this way
    `kill` of the wrapper's pid: the signal does not reach the server below it.

    How it is seen
    `npm_lifecycle_event` or `UV_RUN_RECURSION_DEPTH` in `/proc/PID/environ`, and the commands of its ancestors.

    What is not flagged
    A server started in the background without a wrapper (nohup, a script, tmux), or one that leads its session.

    Fix, risk and undo
    TERM to exactly that process (pid and start time). No undo: start it again as you did.
    """
    for process in processes.of("dev", "server"):
        if process.leader != process.pid or not process.ports:
            continue
        want = processes.shows("a live wrapper above it", f"ps -o pid,ppid,args -p {process.pid}")
        if not process.abandoned:
            yield Fresh(process.subject, want, processes.shows("it has one", want.source))
            continue
        yield _finding(processes, process, want.source)


def _finding(processes: AppProcesses, process: AppProcess, source: str) -> Finding:
    return Finding(
        process.subject,
        "whoever started it is gone, and it keeps "
        + ", ".join(f":{port}" for port in process.ports),
        want=processes.shows("a live wrapper above it", source),
        have=processes.shows(f"parent {process.ppid}, no wrapper above it", source),
        fix=End(process.pid, process.ticks, process.command),
        pids=(process.pid,),
        ports=process.ports,
        explains=frozenset({f"pid:{process.pid}", *(f"port:{port}" for port in process.ports)}),
    )
