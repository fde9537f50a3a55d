"""Whether the code on disk would start: the entry point of each server and job, imported behind the barrier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.facts.guarded_import import imported
from unstale.facts.runtime import runtime

# what no barrier causes: a file, a connection or a program that was refused raises another error
_CERTAIN = frozenset(
    (
        *("ImportError", "ModuleNotFoundError", "NameError", "AttributeError", "TypeError"),
        *("SyntaxError", "IndentationError", "TabError", "ValidationError"),
    )
)


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """One process's entry point as it is on disk now; `failed` says why it would not import, or is empty."""

    pid: int
    app: str
    failed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoints(Fact):
    """The entry points that could be tried; where the barrier itself was in the way, nothing is said."""

    costly = "a guarded import"
    waits = True

    entries: tuple[EntryPoint, ...]

    @classmethod
    def gather(cls, facts: Facts) -> EntryPoints:
        processes = facts.maybe(AppProcesses)
        leading = [
            each
            for each in (processes.of("server", "job") if processes else ())
            if each.leader == each.pid
        ]
        found = [entry for each in leading if (entry := _entry(facts, each)) is not None]
        if not found:
            raise Absent(what="no entry point", why="no server of this project runs", next="")
        return cls(seen_at=facts.host.now(), entries=tuple(found))

    def of(self, pid: int) -> EntryPoint | None:
        """Return the entry point of that process."""
        return next((each for each in self.entries if each.pid == pid), None)


def _entry(facts: Facts, process: AppProcess) -> EntryPoint | None:
    backend = next((each for each in facts.project.backends if each.path == process.backend), None)
    running = runtime(facts, process.backend)
    app = backend.app if backend and backend.kind == "django" else process.app
    if backend is None or running is None or not app:
        return None
    try:
        answer = imported(facts, backend, running, app=app, want="entry")
    except Unavailable:
        return None  # no barrier here: the start itself will tell
    return EntryPoint(process.pid, app, _failure(answer))


def _failure(answer: dict[str, Any]) -> str:
    if answer["denied"]:
        return ""
    for each in answer["failed"]:
        if str(each["error"]).partition(":")[0] in _CERTAIN:
            place = f" at {each['file']}:{each['line']}" if each["file"] else ""
            return f"{each['error']}{place}"
    return ""
