"""ENV008."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from unstale.actions.process import Restart
from unstale.check import check
from unstale.facts.app_processes import AppProcess, AppProcesses
from unstale.facts.distributions import Distribution
from unstale.facts.environment import Environments
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
    processes: AppProcesses, environments: Environments
) -> Iterator[Finding | Fresh]:
    """A package was installed under a running process, which keeps the former one in memory.

    What it proves
    The RECORD of an installed distribution was written after the process began, in the environment
    that it runs in.

    Why it matters
    Old modules in memory import new files lazily: odd AttributeErrors, or a security fix that is
    not live.

    How it gets this way
    `pip install -U` or `uv sync` without a restart.

    How it is seen
    The inode change time of each dist-info/RECORD, which an installer cannot set, against the
    process's start. Whether the process ever imported that package is not known: the finding says
    "likely".

    What is not flagged
    Bytecode written later, environments of other processes, installs that finished before the
    start.

    Fix, risk and undo
    Restart as it was started. Open requests are cut; no undo.
    """
    for process in processes.loading_code():
        environment = next(
            (each for each in environments.environments if each.prefix == process.prefix), None
        )
        if environment is None:
            continue
        newer = [
            each
            for each in environment.distributions
            if each.written_at > process.started_at + MARGIN
        ]
        source = f"find {environment.site} -name RECORD -newerct '{process.started_at:%Y-%m-%d %H:%M:%S} UTC'"
        have = processes.shows(
            f"started {process.started_at:%Y-%m-%d %H:%M:%S} UTC", f"ps -o lstart= -p {process.pid}"
        )
        if not newer:
            yield Fresh(
                process.subject, environments.shows("no package written since", source), have
            )
            continue
        yield _finding(processes, environments, process, newer, source)


def _finding(
    processes: AppProcesses,
    environments: Environments,
    process: AppProcess,
    newer: list[Distribution],
    source: str,
) -> Finding:
    leader = next((each for each in processes.processes if each.pid == process.leader), process)
    names = ", ".join(f"{each.name} {each.version}" for each in newer[:4])
    more = f" and {len(newer) - 4} more" if len(newer) > 4 else ""  # noqa: PLR2004 - fits a line
    return Finding(
        process.subject,
        f"{names}{more}: installed while it ran",
        want=environments.shows(
            f"written {max(each.written_at for each in newer):%Y-%m-%d %H:%M:%S} UTC", source
        ),
        have=processes.shows(
            f"started {process.started_at:%Y-%m-%d %H:%M:%S} UTC", f"ps -o lstart= -p {process.pid}"
        ),
        fix=Restart(leader.pid, leader.ticks, leader.command) if process.role != "orphan" else None,
        proven=False,
        pids=(process.pid,),
        ports=leader.ports,
        touches=frozenset({f"pid:{process.pid}", f"environment:{process.prefix}"}),
    )
