"""The code that a process loaded, against the code on disk now: by content wherever git or bytecode can tell."""

from __future__ import annotations

import ast
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from unstale.detect import PRUNED
from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.app_processes import AppProcess, AppProcesses
from unstale.facts.git import QUIET
from unstale.facts.imports import reachable
from unstale.host import Entry, Host

MARGIN = 2.0
"""Seconds after its start in which a process may still have been importing."""

_COMPARE = Path(__file__).parent.parent / "guard" / "bytecode.py"
_NOT_LOADED = frozenset({"tests", "test", "migrations", "versions", "docs", "scripts", "node_modules", "examples"})


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
            raise Absent(what="no server", why="no server of this project runs", next="Start the app.")
        sources = _sources(facts.host, facts.project.root)
        history = _History(facts.host, facts.project.root)
        loaded, files = [], set[str]()
        for process in processes:
            mine = _importable(facts, process, sources)
            files |= {each.path for each in mine}
            loaded.append(_judge(facts.host, process, mine, history))
        return cls(seen_at=facts.host.now(), processes=tuple(loaded), files=tuple(sorted(files)))

    def of(self, pid: int) -> Loaded | None:
        """Return what is known of one process."""
        return next((each for each in self.processes if each.pid == pid), None)


def _sources(host: Host, root: Path) -> tuple[Source, ...]:
    entries = host.walk(str(root), (*PRUNED, "dist"))
    return tuple(_source(root, entry) for entry in entries if entry.kind == "file" and entry.path.endswith(".py"))


def _source(root: Path, entry: Entry) -> Source:
    return Source(f"{root}/{entry.path}", entry.size, entry.mtime_ns, entry.ctime_ns)


def _importable(facts: Facts, process: AppProcess, sources: tuple[Source, ...]) -> tuple[Source, ...]:
    """Return what the entry point reaches; without a known entry, all but tests and the like."""
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
            if module and entry in inside and process.program != "runserver":
                names = reachable(entry, frozenset(inside), roots, lambda path: _text(facts.host, f"{root}/{path}"))
                return tuple(inside[name] for name in sorted(names))
    below = base[len(root) :].strip("/")
    return tuple(
        each
        for name, each in inside.items()
        if (not below or name.startswith(f"{below}/"))
        and not _NOT_LOADED & set(Path(name).parts[:-1])
        and not Path(name).name.startswith(("test_", "conftest"))
    )


def _judge(host: Host, process: AppProcess, mine: tuple[Source, ...], history: _History) -> Loaded:
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


def _drift(host: Host, process: AppProcess, source: Source, history: _History) -> Drift | None:
    """Return None when the content is as it was; the inode's newer ctime alone proves nothing."""
    pyc = _loaded_pyc(host, source.path, process.started_at)
    header = _header(host, pyc) if pyc else None
    if header == (source.mtime_ns // 10**9 & 0xFFFFFFFF, source.size & 0xFFFFFFFF):
        return None
    then = history.content(source.path, process.started_at)
    now = _text(host, source.path)
    if then is not None:
        if _same_code(then, now):
            return None
        moved = history.moved(process.started_at)
        how = f"git diff {moved} -- {source.path}" if moved else f"git diff HEAD -- {source.path}"
        return Drift(source.path, "its code differs from what was checked out then", how, proven=moved is not None)
    if pyc is not None:
        verdict = compared(host, interpreter(process), ((source.path, pyc),))[0]
        if verdict in ("same", "layout"):
            return None
        if verdict == "differs":
            proof = "it compiles to other code than the bytecode that was loaded"
            return Drift(source.path, proof, f"stat -c %y {source.path} {pyc}", proven=True)
    return Drift(source.path, "it was written since", f"stat -c %z {source.path}", proven=False)


def _loaded_pyc(host: Host, path: str, started: datetime) -> str | None:
    """Return the .pyc that the process imported the source from or wrote then: one that is no younger than that."""
    place = Path(path)
    with suppress(OSError):
        for name in host.names(str(place.parent / "__pycache__")):
            if name.startswith(f"{place.stem}.cpython-") and name.count(".") == 2:  # noqa: PLR2004 - no opt-, no pytest tag
                pyc = str(place.parent / "__pycache__" / name)
                seen = host.stat(pyc)
                if seen and seen.mtime_ns / 1e9 <= started.timestamp() + MARGIN:
                    return pyc
    return None


def _header(host: Host, pyc: str) -> tuple[int, int] | None:
    """Return (mtime in seconds, size) of the source as the .pyc records them; None for a hash-based one (PEP 552)."""
    head = host.read(pyc, 16)
    if len(head) < 16 or head[4:8] != bytes(4):  # noqa: PLR2004 - the header's length
        return None
    return int.from_bytes(head[8:12], "little"), int.from_bytes(head[12:16], "little")


def interpreter(process: AppProcess) -> str:
    """Return the Python that runs the process: its environment's, else the executable itself."""
    return f"{process.prefix}/bin/python" if process.prefix else f"/proc/{process.pid}/exe"


def compared(host: Host, python: str, pairs: tuple[tuple[str, str], ...]) -> list[str]:
    """Compare (source, pyc) pairs in that interpreter; see guard/bytecode.py for the words. Raises Unavailable."""
    asked = json.dumps([{"source": source, "pyc": pyc} for source, pyc in pairs])
    done = host.run((python, "-I", "-B", str(_COMPARE)), stdin=asked, timeout=20.0)
    if done.code != 0:
        why = (done.err.strip().splitlines() or [f"exit {done.code}"])[-1]
        raise Unavailable(what=f"{python} cannot compare bytecode", why=why, next=f"{python} -V")
    return [str(word) for word in json.loads(done.out)]


def _same_code(then: str, now: str) -> bool:
    """Return whether both parse to the same code: comments and layout are not code."""
    if then == now:
        return True
    try:
        return ast.dump(ast.parse(then)) == ast.dump(ast.parse(now))
    except (SyntaxError, ValueError):
        return False


def _text(host: Host, path: str) -> str:
    with suppress(OSError):
        return host.read(path).decode("utf-8", "replace")
    return ""


class _History:
    """What git says was checked out at a moment, from HEAD's reflog (gitrepository-layout(5))."""

    def __init__(self, host: Host, root: Path) -> None:
        self._host = host
        self._root = str(root)
        self._moves = self._reflog()
        self._texts: dict[tuple[str, str], str | None] = {}

    def content(self, path: str, moment: datetime) -> str | None:
        """Return the file's text in the commit of that moment, None when git cannot know."""
        commit = self.at(moment)
        if commit is None:
            return None
        key = (commit, path)
        if key not in self._texts:
            self._texts[key] = self._show(commit, path)
        return self._texts[key]

    def moved(self, moment: datetime) -> str | None:
        """Return "OLD NEW" when HEAD moved since, by other content or not."""
        commit = self.at(moment)
        if commit is None or not self._moves or self._moves[-1][1] == commit:
            return None
        return f"{commit[:10]} {self._moves[-1][1][:10]}"

    def at(self, moment: datetime) -> str | None:
        """Return the commit that HEAD named then; None before the first entry, which proves nothing."""
        before = [commit for when, commit in self._moves if when <= moment.timestamp()]
        return before[-1] if before else None

    def _reflog(self) -> list[tuple[int, str]]:
        try:
            done = self._host.run(
                ("git", "-C", self._root, "rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"), env=QUIET
            )
            lines = self._host.read(done.out.rstrip("\n")).decode("utf-8", "replace").splitlines()
        except (Unavailable, OSError):
            return []
        moves = []
        for line in lines:
            words = line.partition("\t")[0].split()
            moves.append((int(words[-2]), words[1]))
        return moves

    def _show(self, commit: str, path: str) -> str | None:
        place = Path(path)
        done = self._host.run(("git", "-C", str(place.parent), "show", f"{commit}:./{place.name}"), env=QUIET)
        return done.out if done.code == 0 else None
