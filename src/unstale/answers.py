"""What comes back through the door to the machine: plain records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

Rows = tuple[tuple[Any, ...], ...]

Columns = dict[str, tuple[str, ...]]
"""By table: the columns that are meant."""

Digest = dict[str, tuple[int, str]]
"""By table: its rows, and a digest of them and of its definition."""


@dataclass(frozen=True, slots=True)
class Stat:
    """What stat(2) says; times in nanoseconds since the epoch, sizes in bytes. `kind` is file, dir, link or other."""

    kind: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int
    mode: int
    uid: int
    links: int


class Entry(NamedTuple):
    """One path of a walk, relative to where it began. A directory that may not be read comes again as `closed`.

    A tuple, because a tree can have a hundred thousand.
    """

    path: str
    kind: str
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended. Output is text; undecodable bytes are kept by PEP 383."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; header names are lower case, redirects are not followed."""

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first header of that lower-case name."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Ident:
    """A process that cannot be mistaken: pid and start in clock ticks since boot (proc(5), field 22)."""

    pid: int
    ticks: int


NONE: Mapping[int, int] = MappingProxyType({})


class Visit(Protocol):
    """A connection that stays open while we look who accepted it."""

    port: int
    """The number of our end."""

    def ask(self, path: str, timeout: float) -> int:
        """Send GET and return the status. Raises OSError when no answer comes in that many seconds."""
