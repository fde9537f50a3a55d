"""CFG001."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unstale.actions.restart import Restart, restarting
from unstale.check import check
from unstale.facts.app_processes import AppProcesses
from unstale.facts.env_files import EnvFiles
from unstale.finding import Finding, Fresh
from unstale.layer import Layer


@check(
    "CFG001",
    "the .env file is newer than the process",
    layer=Layer.CONFIG,
    since="0.1",
    fix=Restart,
)
def env_file_is_newer_than_the_process(
    processes: AppProcesses, files: EnvFiles
) -> Iterator[Finding | Fresh]:
    """A .env file was written after the process read it.

    What it proves
    The file's mtime and ctime are later than the start of a process whose code reads it.

    Why it matters
    The app still works with the former values; no reload watches this file.

    How it gets this way
    An edited key, a new key, a pulled .env, without a restart.

    How it is seen
    `stat` of the file against `ps -o lstart=`; keys that are not in `/proc/PID/environ` came from the file. What
    the file held before is not kept anywhere, so only the times are compared: the finding says "likely".

    What is not flagged
    A file whose every key is in the process's own environment with an equal value; projects that read no .env.

    Fix, risk and undo
    Restart as it was started. Open requests are cut; no undo.
    """
    for read in files.reads:
        process = next(each for each in processes.processes if each.pid == read.pid)
        name = Path(read.path).name
        have = processes.shows(
            f"started {process.started_at:%Y-%m-%d %H:%M:%S} UTC", f"ps -o lstart= -p {read.pid}"
        )
        subject = f"{name} of {process.subject}"
        keys = (*read.missing, *read.beaten)
        if read.changed_at is None or not keys:
            yield Fresh(subject, files.shows("not written since", f"stat -c %y {read.path}"), have)
            continue
        yield Finding(
            subject,
            f"{name} was written after the process took {', '.join(keys[:4])} from it",
            want=files.shows(
                f"written {read.changed_at:%Y-%m-%d %H:%M:%S} UTC", f"stat -c %y {read.path}"
            ),
            have=have,
            fix=restarting(processes, process, code_only=True),
            proven=False,
            pids=(read.pid,),
            paths=(read.path,),
            touches=frozenset({f"pid:{process.pid}"}),
        )
