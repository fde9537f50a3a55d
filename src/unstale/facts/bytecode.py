"""Bytecode that Python would load although its source says something else (PEP 3147, PEP 552)."""

from __future__ import annotations

from dataclasses import dataclass

from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.compiled import compared
from unstale.facts.environment import Environment, Environments
from unstale.facts.files import Tree, compiled_tree
from unstale.facts.leftovers import Orphan, orphans, sourceless
from unstale.host import Entry, Host
from unstale.layer import Layer


@dataclass(frozen=True, slots=True)
class Compiled:
    """A .pyc whose header matches a source that was written later.

    `verdict` is guard/bytecode.py's word; "unreadable" too when `python` could not be asked,
    and `because` says why.
    """

    source: str
    pyc: str
    verdict: str
    python: str
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytecode(Fact):
    """The back ends' own bytecode that their Pythons would load.

    `checked` headers were read, `suspects` are those in doubt; `sourceless` modules and `orphans`
    outlived their sources.
    """

    layer = Layer.BYTECODE

    checked: int
    backends: tuple[str, ...]
    suspects: tuple[Compiled, ...]
    sourceless: tuple[str, ...]
    orphans: tuple[Orphan, ...]

    @classmethod
    def gather(cls, facts: Facts) -> Bytecode:
        if not facts.project.backends:
            raise Absent(what="no Python", why="no back end here", next="Nothing to do.")
        host, checked = facts.host, 0
        roots, suspects = list[str](), list[Compiled]()
        alone, empty = list[str](), list[Orphan]()
        for environment in facts.get(Environments).environments:
            tree = compiled_tree(host, environment.backend)
            roots.append(tree.root)
            pairs = _pairs(tree, environment.tag)
            checked += len(pairs)
            doubtful = ((each[0], each[2]) for each in pairs if _doubtful(host, *each[1:]))
            suspects += _compared(host, environment, tuple(doubtful))
            alone += sourceless(host, tree, environment.tag)
            empty += orphans(host, tree, environment.site)
        return cls(
            seen_at=host.now(),
            checked=checked,
            backends=tuple(roots),
            suspects=tuple(suspects),
            sourceless=tuple(alone),
            orphans=tuple(empty),
        )

    def summary(self) -> str:
        hidden = any(each.verdict == "differs" for each in self.suspects)
        return f"{self.checked} .pyc files match" if self.checked and not hidden else ""


def _pairs(tree: Tree, tag: str) -> list[tuple[str, Entry, str, Entry]]:
    """Return (source, entry, pyc, entry) of each pyc that Python of that cache tag would load."""
    found, end = [], f".{tag}.pyc"
    for path, pyc in tree.files.items():
        if path.endswith(end):
            place, cached, name = path.rpartition("__pycache__/")
            source = tree.files.get(f"{place}{name.removesuffix(end)}.py")
            if cached and source is not None:
                found.append((f"{tree.root}/{source.path}", source, f"{tree.root}/{path}", pyc))
    return found


def _doubtful(host: Host, source: Entry, path: str, pyc: Entry) -> bool:
    """Return whether the header matches a source whose inode changed after the .pyc was written.

    utime(2) cannot set ctime, so a source that was changed later always has the later one.
    """
    if source.ctime_ns <= pyc.mtime_ns:
        return False
    head = host.read(path, 16)
    flags = int.from_bytes(head[4:8], "little")
    if flags:
        return flags == 1  # unchecked hash: Python never looks at the source again
    mtime, size = int.from_bytes(head[8:12], "little"), int.from_bytes(head[12:16], "little")
    return (mtime, size) == (source.mtime_ns // 10**9 & 0xFFFFFFFF, source.size & 0xFFFFFFFF)


def _compared(
    host: Host, environment: Environment, doubtful: tuple[tuple[str, str], ...]
) -> list[Compiled]:
    if not doubtful:
        return []
    try:
        words = compared(host, environment.python, doubtful)
    except Unavailable as error:
        return [Compiled(*pair, "unreadable", environment.python, error.why) for pair in doubtful]
    return [
        Compiled(*pair, word, environment.python)
        for pair, word in zip(doubtful, words, strict=True)
    ]
