"""The code that a process loaded, against the code on disk now: by content wherever git or bytecode can tell."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from unstale.errors import Absent
from unstale.fact import Fact, Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.facts.compiled import LARGEST, MARGIN, compared, header_of, interpreter, loaded_pyc
from unstale.facts.files import exact_text
from unstale.facts.history import History
from unstale.facts.importable import Source, importable, sources
from unstale.host import Host


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
        found, closed = sources(facts.host, facts.project.root)
        history = History(facts.host, facts.project.root)
        loaded, files = [], set[str]()
        for process in processes:
            mine = importable(facts, process, found, closed)
            files |= {each.path for each in mine}
            loaded.append(_judge(facts.host, process, mine, history))
        return cls(seen_at=facts.host.now(), processes=tuple(loaded), files=tuple(sorted(files)))

    def of(self, pid: int) -> Loaded | None:
        """Return what is known of one process."""
        return next((each for each in self.processes if each.pid == pid), None)


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
    now = exact_text(host, source.path)
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
    return _told_by_bytecode(host, process, source, pyc)


def _told_by_bytecode(
    host: Host, process: AppProcess, source: Source, pyc: str | None
) -> Drift | None:
    if pyc is not None:
        verdict = compared(host, interpreter(process), ((source.path, pyc),))[0]
        if verdict in ("same", "layout"):
            return None
        if verdict == "differs":
            proof = "it compiles to other code than the bytecode that was loaded"
            return Drift(source.path, proof, f"stat -c %y {source.path} {pyc}", proven=True)
    written = (
        source.mtime_ns / 1e9 > process.started_at.timestamp() + MARGIN
    )  # not chmod or chown alone
    how = f"stat -c %z {source.path}"
    return Drift(source.path, "it was written since", how, proven=False) if written else None


def _same_code(then: str, now: str) -> bool:
    """Return whether both parse to the same code: comments and layout are not code."""
    if then == now or max(len(then), len(now)) > LARGEST:
        return then == now
    try:
        return ast.dump(ast.parse(then)) == ast.dump(ast.parse(now))
    except (SyntaxError, ValueError, RecursionError):
        return False
