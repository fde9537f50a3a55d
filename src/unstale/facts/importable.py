"""The files that a process can have imported: what its entry point's import statements reach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unstale.detect.files import PRUNED
from unstale.errors import Unavailable
from unstale.fact import Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.files import text_of
from unstale.facts.imports import reachable
from unstale.host import Entry, Host

_NOT_LOADED = frozenset(
    {"tests", "test", "migrations", "versions", "docs", "scripts", "node_modules", "examples"}
)


@dataclass(frozen=True, slots=True)
class Source:
    """A source file: `path` is absolute."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int


def sources(host: Host, root: Path) -> tuple[tuple[Source, ...], frozenset[str]]:
    """Return the Python files, and the directories that may not be read."""
    entries = host.walk(str(root), (*PRUNED, "dist"))
    sources = tuple(
        _source(root, entry)
        for entry in entries
        if entry.kind == "file" and entry.path.endswith(".py")
    )
    return sources, frozenset(entry.path for entry in entries if entry.kind == "closed")


def _source(root: Path, entry: Entry) -> Source:
    return Source(f"{root}/{entry.path}", entry.size, entry.mtime_ns, entry.ctime_ns)


def importable(
    facts: Facts, process: AppProcess, sources: tuple[Source, ...], closed: frozenset[str]
) -> tuple[Source, ...]:
    """Return what the entry point reaches; without a known entry, all but tests and the like.

    Raises Unavailable where it reaches a directory that may not be read.
    """
    root = str(facts.project.root)
    base = str(process.backend or facts.project.root)
    inside = {each.path[len(root) + 1 :]: each for each in sources}
    roots = tuple(
        dict.fromkeys(
            "" if place == root else place[len(root) + 1 :]
            for place in (process.cwd, base, f"{base}/src")
            if place == root or place.startswith(f"{root}/")
        )
    )
    module = (process.app or "").partition(":")[0].replace(".", "/")
    if _foreign(facts, process, module):
        return ()
    for place in roots:
        for name in (f"{module}.py", f"{module}/celery.py", f"{module}/__init__.py"):
            entry = f"{place}/{name}".lstrip("/")
            if module and entry in inside and not _named_by_settings(facts, process):
                names = reachable(
                    entry,
                    frozenset(inside),
                    roots,
                    lambda path: text_of(facts.host, f"{root}/{path}"),
                    closed,
                )
                _require_open(root, process, sorted(names & closed))
                return tuple(inside[name] for name in sorted(names))
        above = {f"{place}/{each}".lstrip("/") for each in _above(module)}
        _require_open(root, process, sorted(closed & above))
    if not facts.project.contains(process.cwd or "/"):
        return ()
    below = base[len(root) :].strip("/")
    return tuple(
        each
        for name, each in inside.items()
        if (not below or name.startswith(f"{below}/"))
        and not _NOT_LOADED & set(Path(name).parts[:-1])
        and not Path(name).name.startswith(("test_", "conftest"))
    )


def _foreign(facts: Facts, process: AppProcess, module: str) -> bool:
    """Return whether it is another project's server, run by this one's interpreter: its own directory comes first."""
    if facts.project.contains(process.cwd or "/"):
        return False
    names = (f"{process.cwd}/{module}.py", f"{process.cwd}/{module}/__init__.py")
    return any(facts.host.stat(name) is not None for name in names)


def _named_by_settings(facts: Facts, process: AppProcess) -> bool:
    """Return whether Django imports the app's modules: by their names in settings, not by import statements."""
    backends = facts.project.backends
    return process.program == "runserver" or any(
        each.kind == "django" and each.path == process.backend for each in backends
    )


def _above(module: str) -> list[str]:
    parts = module.split("/")[:-1]
    return ["/".join(parts[:at]) for at in range(1, len(parts) + 1)]


def _require_open(root: str, process: AppProcess, closed: list[str]) -> None:
    if closed:
        raise Unavailable(
            what=f"cannot read {root}/{closed[0]}",
            why=f"permission denied, and {process.subject} imports from it",
            next="Run as a user who may read it.",
        )
