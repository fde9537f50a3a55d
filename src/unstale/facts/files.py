"""A back end's files by path, from one walk that keeps its bytecode; and a file's text."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from unstale.detect.files import PRUNED
from unstale.host import Entry, Host

_WALK = tuple(each for each in PRUNED if each != "__pycache__")


@dataclass(frozen=True, slots=True)
class Tree:
    """One walk's entries by path below `root`; `others` are neither files nor directories."""

    root: str
    files: dict[str, Entry]
    directories: frozenset[str]
    others: frozenset[str]


def compiled_tree(host: Host, root: str) -> Tree:
    """Walk a back end, bytecode included: about 3 ms for each 1,000 files."""
    entries = host.walk(root, _WALK)
    return Tree(
        root=root,
        files={each.path: each for each in entries if each.kind == "file"},
        directories=frozenset(each.path for each in entries if each.kind == "dir"),
        others=frozenset(each.path for each in entries if each.kind not in ("file", "dir")),
    )


def exact_text(host: Host, path: str) -> str:
    """Return the file's text byte for byte, as a program's output has it (PEP 383); "" where it cannot be read."""
    with suppress(OSError):
        return host.read(path).decode("utf-8", "surrogateescape")
    return ""


def text_of(host: Host, path: str) -> str:
    """Return the file's text, "" where it cannot be read: for a look that others prove."""
    with suppress(OSError):
        return host.read(path).decode("utf-8", "replace")
    return ""
