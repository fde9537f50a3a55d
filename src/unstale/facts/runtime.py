"""Which interpreter runs a back end: the live server's, else its virtual environment's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unstale.facts.app_processes import AppProcesses
from unstale.facts.processes import ProcessTable

if TYPE_CHECKING:
    from unstale.fact import Facts


@dataclass(frozen=True, slots=True)
class Runtime:
    """An interpreter and the process that it was read from; `pid` None: nothing runs, `cwd` is the
    back end.
    """

    python: str
    pid: int | None
    cwd: str


def runtime(facts: Facts, backend: Path | None) -> Runtime | None:
    """Return how the back end runs, None where no interpreter of it is known."""
    apps = facts.maybe(AppProcesses)
    for each in apps.of("server", "job") if apps else ():
        process = facts.get(ProcessTable).find(each.pid)
        plain = process.exe if process and Path(process.exe).name.startswith("python") else None
        python = f"{each.prefix}/bin/python" if each.prefix else plain
        if each.backend == backend and python and not each.cwd_gone:
            return Runtime(python, each.pid, each.cwd)
    found = next((each for each in facts.project.backends if each.path == backend), None)
    if found is None or found.python is None or facts.host.stat(str(found.python)) is None:
        return None
    return Runtime(str(found.python), None, str(found.path))
