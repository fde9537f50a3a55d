"""Bytecode that Python would load although its source says something else (PEP 3147, PEP 552)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from unstale.detect import PRUNED
from unstale.errors import Absent
from unstale.fact import Fact, Facts
from unstale.facts.compiled import compared
from unstale.facts.environment import Environments
from unstale.host import Entry, Host
from unstale.layer import Layer
from unstale.project import Backend

_WALK = tuple(each for each in PRUNED if each != "__pycache__")
_NOT_PACKAGES = frozenset({"migrations", "versions", "static", "templates", "tests", "test", "node_modules"})


@dataclass(frozen=True, slots=True)
class Compiled:
    """A .pyc whose header matches a source that was written later; `verdict` is guard/bytecode.py's word."""

    source: str
    pyc: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Orphan:
    """A directory of nothing but bytecode, which imports as an empty package; `importers` are sources naming it."""

    path: str
    importers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytecode(Fact):
    """The project's own .pyc files: those in doubt, those without a source, directories of nothing else.

    `checked` headers were read; `python` compared the ones in doubt.
    """

    layer = Layer.BYTECODE

    checked: int
    python: str
    suspects: tuple[Compiled, ...]
    sourceless: tuple[str, ...]
    orphans: tuple[Orphan, ...]

    @classmethod
    def gather(cls, facts: Facts) -> Bytecode:
        if not facts.project.backends:
            raise Absent(what="no Python", why="no back end here", next="Nothing to do.")
        environments = facts.get(Environments).environments
        checked, suspects, sourceless, orphans = 0, list[Compiled](), list[str](), list[Orphan]()
        for backend in facts.project.backends:
            environment = next((each for each in environments if each.backend == str(backend.path)), None)
            tag = environment.tag if environment else ""
            entries = facts.host.walk(str(backend.path), _WALK)
            seen = _Tree(str(backend.path), entries)
            pairs = seen.pairs(tag)
            checked += len(pairs)
            doubtful = [pair for pair in pairs if _doubtful(facts.host, *pair)]
            suspects += _compared(facts.host, environment.python if environment else "", doubtful)
            sourceless += seen.sourceless(facts.host, tag)
            orphans += _orphans(facts.host, backend, seen)
        python = environments[0].python if environments else ""
        return cls(
            seen_at=facts.host.now(),
            checked=checked,
            python=python,
            suspects=tuple(suspects),
            sourceless=tuple(sourceless),
            orphans=tuple(orphans),
        )

    def summary(self) -> str:
        return f"{self.checked} .pyc files match" if self.checked and not self.suspects else ""


class _Tree:
    """One walk's entries, by path."""

    def __init__(self, root: str, entries: tuple[Entry, ...]) -> None:
        self.root = root
        self.files = {each.path: each for each in entries if each.kind == "file"}
        self.directories = [each.path for each in entries if each.kind == "dir"]

    def pairs(self, tag: str) -> list[tuple[str, Entry, str, Entry]]:
        """Return (source path, entry, pyc path, entry) of each pyc that this interpreter would load."""
        found = []
        for path, pyc in self.files.items():
            if path.endswith(f".{tag}.pyc") and "__pycache__/" in path:
                place, _, name = path.rpartition("__pycache__/")
                source = f"{place}{name.removesuffix(f'.{tag}.pyc')}.py"
                if source in self.files:
                    found.append((f"{self.root}/{source}", self.files[source], f"{self.root}/{path}", pyc))
        return found

    def sourceless(self, host: Host, tag: str) -> list[str]:
        """Return each .pyc outside __pycache__ that has no source and this interpreter's magic number."""
        found = []
        magic = _MAGIC.get(tag)
        for path in self.files:
            if path.endswith(".pyc") and "__pycache__/" not in path and path[:-1] not in self.files:
                with suppress(OSError):
                    if magic is None or int.from_bytes(host.read(f"{self.root}/{path}", 2), "little") in magic:
                        found.append(f"{self.root}/{path}")
        return found


# CPython's Include/internal/pycore_magic_number.h: the range of magic numbers of each minor version
_MAGIC = {
    "cpython-39": range(3420, 3430),
    "cpython-310": range(3430, 3450),
    "cpython-311": range(3450, 3500),
    "cpython-312": range(3500, 3550),
    "cpython-313": range(3550, 3600),
    "cpython-314": range(3600, 3650),
}


def _doubtful(host: Host, source_path: str, source: Entry, pyc_path: str, pyc: Entry) -> bool:
    """Return whether the header matches a source whose inode changed after the .pyc was written.

    utime(2) cannot set ctime, so a source that was changed later always has the later one.
    """
    if source.ctime_ns <= pyc.mtime_ns:
        return False
    head = host.read(pyc_path, 16)
    flags = int.from_bytes(head[4:8], "little")
    if flags:
        return flags == 1  # unchecked hash: Python never looks at the source again
    mtime, size = int.from_bytes(head[8:12], "little"), int.from_bytes(head[12:16], "little")
    return (mtime, size) == (source.mtime_ns // 10**9 & 0xFFFFFFFF, source.size & 0xFFFFFFFF)


def _compared(host: Host, python: str, doubtful: list[tuple[str, Entry, str, Entry]]) -> list[Compiled]:
    if not doubtful:
        return []
    pairs = tuple((source, pyc) for source, _, pyc, _ in doubtful)
    return [Compiled(*pair, word) for pair, word in zip(pairs, compared(host, python, pairs), strict=True)]


def _orphans(host: Host, backend: Backend, seen: _Tree) -> list[Orphan]:
    """Return top-level directories that hold only bytecode, below the package that a source would import them from."""
    found = []
    for directory in seen.directories:
        name = directory.rpartition("/")[2]
        inside = [path for path in seen.files if path.startswith(f"{directory}/")]
        only = bool(inside) and all(path.endswith(".pyc") and "__pycache__/" in path for path in inside)
        if only and name.isidentifier() and name != "__pycache__" and not _NOT_PACKAGES & set(directory.split("/")):
            found.append(Orphan(f"{backend.path}/{directory}", _importers(host, backend, seen, directory)))
    paths = {each.path for each in found}
    return [each for each in found if str(Path(each.path).parent) not in paths]


def _importers(host: Host, backend: Backend, seen: _Tree, directory: str) -> tuple[str, ...]:
    dotted, name = directory.replace("/", "."), directory.rpartition("/")[2]
    wanted = (f"import {dotted}", f"from {dotted} ", f"from {dotted}.", f"import {name}", f"from .{name} ", f"from .{name}.")
    found = []
    for path in seen.files:
        if path.endswith(".py"):
            with suppress(OSError):
                text = host.read(f"{backend.path}/{path}").decode("utf-8", "replace")
                if any(words in text for words in wanted):
                    found.append(path)
    return tuple(found)

