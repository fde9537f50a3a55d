"""The code that a process loaded, against the code on disk now: by content wherever git or bytecode can tell."""

from __future__ import annotations

import ast
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from unstale.detect.files import PRUNED
from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.app_processes import AppProcess, AppProcesses
from unstale.facts.compiled import LARGEST, MARGIN, compared, header_of, interpreter, loaded_pyc
from unstale.facts.history import History
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


@dataclass(frozen=True, slots=True)
class Drift:
    """A file that changed since a process began. `proof` says how that is known; `proven` by content."""

    path: str
    proof: str
    source: str
    proven: bool


@dataclass(frozen=True, slots=True)
class Loaded:
    """One process: the files it can have imported, those that changed, and those only touched."""

    pid: int
    files: tuple[str, ...]
    drifts: tuple[Drift, ...]
    touched: tuple[str, ...]

    @property
    def considered(self) -> int:
        """Return how many files it can have imported."""
        return len(self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCode(Fact):
    """What each server or job process can have imported, and what of it changed since. `files` are all of these."""

    processes: tuple[Loaded, ...]
    files: tuple[str, ...]

    @classmethod
    def gather(cls, facts: Facts) -> LoadedCode:
        processes = facts.get(AppProcesses).loading_code()
        if not processes:
            raise Absent(
                what="no server", why="no server of this project runs", next="Start the app."
            )
        sources, closed = _sources(facts.host, facts.project.root)
        history = History(facts.host, facts.project.root)
        loaded, files = [], set[str]()
        for process in processes:
            mine = _importable(facts, process, sources, closed)
            files |= {each.path for each in mine}
            loaded.append(_judge(facts.host, process, mine, history))
        return cls(seen_at=facts.host.now(), processes=tuple(loaded), files=tuple(sorted(files)))

    def of(self, pid: int) -> Loaded | None:
        """Return what is known of one process."""
        return next((each for each in self.processes if each.pid == pid), None)


def _sources(host: Host, root: Path) -> tuple[tuple[Source, ...], frozenset[str]]:
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


def _importable(
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
    for place in roots:
        for name in (f"{module}.py", f"{module}/__init__.py"):
            entry = f"{place}/{name}".lstrip("/")
            if module and entry in inside and not _named_by_settings(facts, process):
                names = reachable(
                    entry,
                    frozenset(inside),
                    roots,
                    lambda path: _text(facts.host, f"{root}/{path}"),
                    closed,
                )
                _require_open(root, process, sorted(names & closed))
                return tuple(inside[name] for name in sorted(names))
        above = {f"{place}/{each}".lstrip("/") for each in _above(module)}
        _require_open(root, process, sorted(closed & above))
    below = base[len(root) :].strip("/")
    return tuple(
        each
        for name, each in inside.items()
        if (not below or name.startswith(f"{below}/"))
        and not _NOT_LOADED & set(Path(name).parts[:-1])
        and not Path(name).name.startswith(("test_", "conftest"))
    )


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


def _judge(host: Host, process: AppProcess, mine: tuple[Source, ...], history: History) -> Loaded:
    start = process.started_at.timestamp() + MARGIN
    drifts, touched = [], []
    for source in mine:
        if source.ctime_ns / 1e9 <= start:
            continue
        drift = _drift(host, process, source, history)
        if drift is None:
            touched.append(source.path)
        else:
            drifts.append(drift)
    return Loaded(process.pid, tuple(each.path for each in mine), tuple(drifts), tuple(touched))


def _drift(host: Host, process: AppProcess, source: Source, history: History) -> Drift | None:
    """Return None when the content is as it was; the inode's newer ctime alone proves nothing."""
    pyc = loaded_pyc(host, source.path, process.started_at)
    header = header_of(host, pyc) if pyc else None
    if header == (source.mtime_ns // 10**9 & 0xFFFFFFFF, source.size & 0xFFFFFFFF):
        return None
    then = history.content(source.path, process.started_at)
    now = _text(host, source.path)
    if then is not None:
        if _same_code(then, now):
            return None
        moved = history.moved(process.started_at)
        how = f"git diff {moved} -- {source.path}" if moved else f"git diff HEAD -- {source.path}"
        return Drift(
            source.path,
            "its code differs from what was checked out then",
            how,
            proven=moved is not None and len(now) <= LARGEST,
        )
    if pyc is not None:
        verdict = compared(host, interpreter(process), ((source.path, pyc),))[0]
        if verdict in ("same", "layout"):
            return None
        if verdict == "differs":
            proof = "it compiles to other code than the bytecode that was loaded"
            return Drift(source.path, proof, f"stat -c %y {source.path} {pyc}", proven=True)
    return Drift(source.path, "it was written since", f"stat -c %z {source.path}", proven=False)


def _same_code(then: str, now: str) -> bool:
    """Return whether both parse to the same code: comments and layout are not code."""
    if then == now or max(len(then), len(now)) > LARGEST:
        return then == now
    try:
        return ast.dump(ast.parse(then)) == ast.dump(ast.parse(now))
    except (SyntaxError, ValueError):
        return False


def _text(host: Host, path: str) -> str:
    with suppress(OSError):
        return host.read(path).decode("utf-8", "replace")
    return ""
