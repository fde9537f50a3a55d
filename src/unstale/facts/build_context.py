"""The files of a build context that a Dockerfile copies, and where each goes; .dockerignore is obeyed.

Rules: https://docs.docker.com/build/concepts/context/#dockerignore-files.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass

from unstale.facts.dockerfile import Copy
from unstale.host import Entry

_NOT_RUN = re.compile(
    r"(^|/)(tests?|__tests__|e2e|docs|\.github)/|(^|/)(test_[^/]*|conftest)\.py$|\.(test|spec)\.\w+$|\.(md|log|pyc)$"
)


@dataclass(frozen=True, slots=True)
class Copied:
    """A file of the context; `target` is its path in the image, None where only a former stage holds it.

    `plain` as of the instruction that copies it.
    """

    entry: Entry
    target: str | None
    plain: bool


def copied(entries: tuple[Entry, ...], ignore: str, copies: tuple[Copy, ...]) -> list[Copied]:
    """Return the files that the instructions copy, tests and prose left out; `entries` are relative to the context.

    A file that goes both into a former stage and into the image is judged by the image alone.
    """
    ignored = _ignored(ignore)
    directories = {each.path for each in entries if each.kind == "dir"}
    files = [
        each
        for each in entries
        if each.kind == "file" and not _NOT_RUN.search(each.path) and not ignored(each.path)
    ]
    found: dict[str, Copied] = {}
    for copy in sorted(copies, key=lambda each: each.final):
        for source in copy.sources:
            pattern = re.compile(_translated(source))
            for each in files:
                inside = _inside(each.path, source, pattern, directories)
                if inside is not None:
                    target = _target(copy, each.path, inside) if copy.final else None
                    found[each.path] = Copied(each, target, copy.plain)
    return list(found.values())


def _inside(path: str, source: str, pattern: re.Pattern[str], directories: set[str]) -> str | None:
    """Return the path below a copied directory, "" for a file that is named itself, None for another."""
    if source == ".":
        return path
    parts = path.split("/")
    for at in range(len(parts), 0, -1):
        place = "/".join(parts[:at])
        if pattern.fullmatch(place):
            if at == len(parts):
                return ""
            return "/".join(parts[at:]) if place in directories else None
    return None


def _target(copy: Copy, path: str, inside: str) -> str:
    if inside:
        return posixpath.join(copy.target, inside)
    return posixpath.join(copy.target, posixpath.basename(path)) if copy.into else copy.target


def _ignored(text: str) -> Callable[[str], bool]:
    """Return whether .dockerignore leaves a path out: the last rule that meets it or a directory above it decides."""
    rules = []
    for line in text.splitlines():
        rule = line.strip()
        if rule and not rule.startswith("#"):
            pattern = posixpath.normpath(rule.lstrip("!").strip("/ "))
            rules.append((re.compile(_translated(pattern)), rule.startswith("!")))

    def ignored(path: str) -> bool:
        parts = path.split("/")
        above = ["/".join(parts[:at]) for at in range(1, len(parts) + 1)]
        result = False
        for pattern, kept in rules:
            if any(pattern.fullmatch(each) for each in above):
                result = not kept
        return result

    return ignored


def _translated(pattern: str) -> str:
    """Return Go's filepath.Match, with ** for any number of directories, as a regular expression."""
    words = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        known.get(word) or (word if word.startswith("[") else re.escape(word)) for word in words
    )
