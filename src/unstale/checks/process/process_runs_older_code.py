"""PRC001."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unstale.actions.restart import Restart, restarting
from unstale.check import check
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.facts.code import Loaded, LoadedCode
from unstale.finding import Finding, Fresh
from unstale.layer import Layer


@check(
    "PRC001",
    "the process runs older code than the files",
    layer=Layer.PROCESS,
    since="0.1",
    fix=Restart,
)
def process_runs_older_code(processes: AppProcesses, code: LoadedCode) -> Iterator[Finding | Fresh]:
    """A server still answers with code that is no longer on disk.

    What it proves
    A source file that the process can have imported holds other code now than when the process began.

    Why it matters
    Every answer comes from the old code; the pull, the edit, the fix are not live.

    How it gets this way
    `git pull` or an edit without a restart.

    How it is seen
    The files that the entry point's imports reach; of these, the ones written since the start; of these, the
    ones whose code differs from the commit that was checked out then (HEAD's reflog), or from the bytecode it loaded.

    What is not flagged
    Touched but equal files, comments and layout, tests, migrations, files that nothing imports, `git switch`
    there and back, a server that reloads by itself, a process in a container (its image is judged).

    Fix, risk and undo
    Restart it as it was started, after the code on disk was seen to compile and import. Open requests are cut; no undo.
    """
    for process in processes.loading_code():
        loaded = code.of(process.pid)
        if loaded is None or process.reload or not loaded.considered:
            continue
        yield from _judge(processes, process, loaded, code)


def _judge(
    processes: AppProcesses, process: AppProcess, loaded: Loaded, code: LoadedCode
) -> Iterator[Finding | Fresh]:
    began = f"{process.started_at:%Y-%m-%d %H:%M:%S} UTC"
    have = processes.shows(f"started {began}", f"ps -o lstart=,args= -p {process.pid}")
    if not loaded.drifts:
        want = code.shows(
            f"{loaded.considered} files, none changed since",
            f"find . -name '*.py' -newerct '{began}'",
        )
        yield Fresh(process.subject, want, have)
        return
    first = loaded.drifts[0]
    names = ", ".join(Path(each.path).name for each in loaded.drifts[:3])
    more = f" and {len(loaded.drifts) - 3} more" if len(loaded.drifts) > 3 else ""  # noqa: PLR2004 - fits a line
    leader = processes.leader_of(process)
    yield Finding(
        process.subject,
        f"{names}{more}: {first.proof}",
        want=code.shows(
            f"{len(loaded.drifts)} of {loaded.considered} files changed since", first.source
        ),
        have=have,
        fix=restarting(processes, process, code_only=True),
        proven=all(each.proven for each in loaded.drifts),
        pids=(process.pid,),
        paths=tuple(each.path for each in loaded.drifts),
        ports=leader.ports,
        touches=frozenset({f"pid:{process.pid}", f"pid:{leader.pid}"}),
    )
