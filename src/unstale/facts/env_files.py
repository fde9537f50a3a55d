"""The dotenv files of the project against the environments of its processes; values never leave this module."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from unstale.errors import Absent
from unstale.fact import Fact, Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.facts.compiled import MARGIN
from unstale.facts.environ import environ_of
from unstale.facts.sources import setting_up
from unstale.host import Host
from unstale.layer import Layer
from unstale.project import Backend, Project

_READERS = re.compile(r"load_dotenv|dotenv_values|env_file|environ\.Env|read_env|from decouple")
_OVERRIDES = re.compile(r"load_dotenv\([^)]*override\s*=\s*True")


@dataclass(frozen=True, slots=True)
class Read:
    """One file as one process sees it. `beaten` keys have another value in the process's own environment.

    `equal` keys have the same value there, `missing` keys are not there, so the app read them from the file.
    `changed_at` is set when the file was written after the process began.
    """

    pid: int
    path: str
    equal: tuple[str, ...]
    beaten: tuple[str, ...]
    missing: tuple[str, ...]
    changed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvFiles(Fact):
    """Each dotenv file that the app's code reads, against each process that read it."""

    layer = Layer.CONFIG

    reads: tuple[Read, ...]
    overriding: bool

    @classmethod
    def gather(cls, facts: Facts) -> EnvFiles:
        project = facts.project
        files = [path for backend in project.backends for path in backend.env_files]
        if not files:
            raise Absent(
                what="no .env", why="the back end has no .env file", next="cp .env.example .env"
            )
        texts = [_sources(facts, backend) for backend in project.backends]
        if not any(_READERS.search(text) for text in texts):
            raise Absent(
                what="no reader of .env",
                why="no code here reads the .env file",
                next="Nothing to do.",
            )
        processes = facts.get(AppProcesses)
        reads = [
            read for process in processes.loading_code() if (read := _read(facts, project, process))
        ]
        overriding = any(_OVERRIDES.search(text) for text in texts)
        return cls(seen_at=facts.host.now(), reads=tuple(reads), overriding=overriding)

    def summary(self) -> str:
        return ", ".join(
            dict.fromkeys(
                Path(each.path).name
                + f" ({len(each.equal) + len(each.missing) + len(each.beaten)} keys)"
                for each in self.reads
            )
        )


def _sources(facts: Facts, backend: Backend) -> str:
    return "\n".join(text for _, text in facts.shared(setting_up, str(backend.path)))


def _read(facts: Facts, project: Project, process: AppProcess) -> Read | None:
    backend = next((each for each in project.backends if each.path == process.backend), None)
    if backend is None or not backend.env_files:
        return None
    path = backend.env_files[0]
    declared = declarations(facts.host.read(str(path)).decode("utf-8", "replace"))
    try:
        environ = environ_of(facts.host, process.pid)
    except (FileNotFoundError, ProcessLookupError):
        return None  # it ended meanwhile
    keys = [key for key, value in declared.items() if value is not None and "$" not in value]
    return Read(
        pid=process.pid,
        path=str(path),
        equal=tuple(key for key in keys if environ.get(key) == declared[key]),
        beaten=tuple(key for key in keys if key in environ and environ[key] != declared[key]),
        missing=tuple(key for key in keys if key not in environ),
        changed_at=_changed(facts, path, process),
    )


def declarations(text: str) -> dict[str, str | None]:
    """Return each key with its value, not interpolated; lines that are none are left out without a warning."""
    from dotenv.parser import parse_stream  # noqa: PLC0415 - only a project with an env file pays for it

    found = parse_stream(io.StringIO(text))
    return {each.key: each.value for each in found if each.key is not None and not each.error}


def secrets(host: Host, environ: Iterable[str], *files: str) -> tuple[str, ...]:
    """Return the values of an environment and of dotenv files: words of others that repeat them are hidden."""
    found = [*environ]
    for path in dict.fromkeys(files):
        with suppress(OSError):
            declared = declarations(host.read(path).decode("utf-8", "replace"))
            found += [value for value in declared.values() if value]
    return tuple(found)


def _changed(facts: Facts, path: Path, process: AppProcess) -> datetime | None:
    """Return when the file was written, if that is after the start: mtime and ctime both say so."""
    seen = facts.host.stat(str(path))
    if (
        seen is None
        or min(seen.mtime_ns, seen.ctime_ns) / 1e9 <= process.started_at.timestamp() + MARGIN
    ):
        return None
    return datetime.fromtimestamp(seen.mtime_ns / 1e9, UTC)
