"""CFG002."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unstale.action import Edit
from unstale.check import check
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.facts.env_files import EnvFiles
from unstale.finding import Finding, Fresh
from unstale.layer import Layer


@check(
    "CFG002", "a variable of the shell or unit beats the .env file", layer=Layer.CONFIG, since="0.1"
)
def environment_beats_the_env_file(
    processes: AppProcesses, files: EnvFiles
) -> Iterator[Finding | Fresh]:
    """A key of the .env file has another value in the process's own environment, which wins.

    What it proves
    The same key stands in the file and in `/proc/PID/environ`, with different values (compared, never shown).

    Why it matters
    Edits of the file have no effect, also after a restart.

    How it gets this way
    `export KEY=…` in a shell profile, a unit's Environment=, compose's environment:, a CI variable.

    How it is seen
    The parsed file against the environment that the process was started with. `load_dotenv()` and
    pydantic-settings keep the environment's value.

    What is not flagged
    Equal values; `load_dotenv(override=True)`; values with `$`, which the readers expand differently. A file that
    was written after the process began: its former value may be the one (CFG001).

    Fix, risk and undo
    Manual: unset the variable where it is set, then restart. `fix` prints where to look.
    """
    for read in files.reads:
        process = next(each for each in processes.processes if each.pid == read.pid)
        name = Path(read.path).name
        source = f"tr '\\0' '\\n' < /proc/{read.pid}/environ | cut -d= -f1"
        subject = f"{name} beside {process.subject}"
        if not read.beaten or files.overriding or read.changed_at is not None:
            have = processes.shows("no key with another value", source)
            yield Fresh(subject, files.shows("no key with another value", read.path), have)
            continue
        keys = ", ".join(read.beaten)
        yield Finding(
            subject,
            f"{keys}: the process was started with another value, and that one wins",
            want=files.shows(
                f"{keys} as in the file", f"grep -nE '^({'|'.join(read.beaten)})=' {read.path}"
            ),
            have=processes.shows(f"{keys} with another value", source),
            fix=Edit(f"unset {keys} where it is set", _where(process, read.beaten)),
            pids=(read.pid,),
            paths=(read.path,),
        )


def _where(process: AppProcess, keys: tuple[str, ...]) -> tuple[str, ...]:
    if process.owner.startswith("systemd:"):
        return (
            f"systemctl edit {process.owner.partition(':')[2]}   # remove Environment={keys[0]}=…",
        )
    return (f"unset {' '.join(keys)}", f"cd {process.cwd} && {process.command}")
