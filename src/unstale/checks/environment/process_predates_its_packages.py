"""ENV008."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from unstale.actions.restart import Restart, restarting
from unstale.check import check
from unstale.evidence import Evidence
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.facts.distributions import Distribution
from unstale.facts.environment import Environments
from unstale.facts.libraries import ReplacedLibraries
from unstale.finding import Finding, Fresh
from unstale.layer import Layer

MARGIN = timedelta(seconds=2)


@check(
    "ENV008",
    "the process is older than its packages",
    layer=Layer.ENVIRONMENT,
    since="0.1",
    fix=Restart,
)
def process_predates_its_packages(
    processes: AppProcesses, environments: Environments, libraries: ReplacedLibraries
) -> Iterator[Finding | Fresh]:
    """A package was installed under a running process, which keeps the former one in memory.

    What it proves
    A RECORD in the process's environment was written after the process began; or the process maps a
    compiled module that the environment holds no longer.

    Why it matters
    Old modules import new files: odd AttributeErrors, or a security fix that is not live.

    How it gets this way
    `pip install -U`, `uv sync` or an environment that was put back, without a restart.

    How it is seen
    Both times of each RECORD, its last file to be written, against the start; /proc/PID/maps.
    Only a mapped file proves that the process loaded the package; else the finding says "likely".

    What is not flagged
    An editable, whose code is the checkout's own (PRC001). Bytecode written later; metadata that a
    link or chmod touched; other environments' processes; installs that ended before the start. A
    --reload server is: it does not watch its packages.

    Fix, risk and undo
    Restart as it was started. Open requests are cut; no undo.
    """
    for process in processes.loading_code():
        mine = (each for each in environments.environments if each.prefix == process.prefix)
        environment = next(mine, None)
        if environment is None:
            continue
        since = process.started_at + MARGIN
        newer = [
            each
            for each in environment.distributions
            if each.written_at > since and not (each.editable and each.local)
        ]
        gone = libraries.of(process.pid)
        last = max((each.written_at for each in newer), default=None)
        words = f"written {last:%Y-%m-%d %H:%M:%S} UTC" if last else _words(gone)
        began = f"{process.started_at:%Y-%m-%d %H:%M:%S} UTC"
        want = environments.shows(words, f"find {environment.site} -name RECORD -newermt '{began}'")
        have = processes.shows(f"started {began}", f"ps -o lstart= -p {process.pid}")
        if gone:
            maps = f"grep -E 'deleted|trash' /proc/{process.pid}/maps"
            have = libraries.shows(f"maps {Path(gone[0]).name}, which is gone", maps)
        if newer or gone:
            yield _finding(processes, process, _names(newer, gone), want, have, proven=bool(gone))
        else:
            yield Fresh(process.subject, want, have)


def _words(gone: tuple[str, ...]) -> str:
    return "every mapped file is there" if gone else "no package written since"


def _names(newer: list[Distribution], gone: tuple[str, ...]) -> str:
    names = [f"{each.name} {each.version}" for each in newer] or [Path(each).name for each in gone]
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""  # noqa: PLR2004 - fits a line
    return f"{', '.join(names[:4])}{more}: {'installed' if newer else 'replaced'} while it ran"


def _finding(
    processes: AppProcesses,
    process: AppProcess,
    because: str,
    want: Evidence,
    have: Evidence,
    *,
    proven: bool,
) -> Finding:
    leader = processes.leader_of(process)
    return Finding(
        process.subject,
        because,
        want=want,
        have=have,
        fix=restarting(processes, process),
        proven=proven,
        pids=(process.pid,),
        ports=leader.ports,
        touches=frozenset({f"pid:{process.pid}", f"environment:{process.prefix}"}),
    )
