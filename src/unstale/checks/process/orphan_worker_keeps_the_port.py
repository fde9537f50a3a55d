"""PRC004."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.actions.process import End
from unstale.check import check
from unstale.facts.app_processes import AppProcesses
from unstale.finding import Finding, Fresh
from unstale.layer import Layer


@check("PRC004", "an orphaned worker keeps the port", layer=Layer.PROCESS, since="0.1", fix=End)
def orphan_worker_keeps_the_port(processes: AppProcesses) -> Iterator[Finding | Fresh]:
    """A worker whose parent was killed still listens, and answers with what it loaded long ago.

    What it proves
    A listener is a multiprocessing child (`spawn_main` in its command) whose parent is no Python server.

    Why it matters
    It has no "uvicorn" in its command, so the usual look misses it; a new server cannot bind, or moves on.

    How it gets this way
    `kill -9` of the parent of `uvicorn --reload` or `--workers`, or the stop button of an editor.

    How it is seen
    `/proc/PID/cmdline`, its parent's command, `/proc/net/tcp` and its working directory in this project.

    What is not flagged
    A worker whose parent lives. Workers of joblib or torch, which do not listen. Other projects' orphans.

    Fix, risk and undo
    TERM to exactly that process (pid and start time); then start the server again. No undo.
    """
    for server in processes.of("server"):
        ports = ", ".join(f":{port}" for port in server.ports)
        if ports:
            held = processes.shows(f"{ports} held by the server itself", "ss -ltnp")
            yield Fresh(server.subject, held, held)
    for process in processes.of("worker", "orphan"):
        source = f"ps -o pid,ppid,args -p {process.pid}"
        want = processes.shows(
            "its parent is a server of this project", f"ps -o args= -p {process.ppid}"
        )
        if process.role == "worker":
            yield Fresh(process.subject, want, processes.shows(f"parent {process.ppid}", source))
        elif process.ports:
            yield Finding(
                process.subject,
                f"it listens on {', '.join(f':{port}' for port in process.ports)} since its parent was killed",
                want=want,
                have=processes.shows(f"parent {process.ppid}, which is none", source),
                fix=End(process.pid, process.ticks, process.command),
                pids=(process.pid,),
                ports=process.ports,
                explains=frozenset(
                    {f"pid:{process.pid}", *(f"port:{port}" for port in process.ports)}
                ),
            )
