"""The only door to the machine, and what comes through it. Looking raises OSError; changing does too."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from unstale.evidence import Evidence

__all__ = ["NONE", "Answer", "Entry", "Evidence", "Host", "Ident", "Ran", "Stat", "Visit"]


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
    """One path of a walk, relative to its top; again as `closed` where it may not be read. A tuple: trees are large."""

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


class Host(Protocol):
    """The machine. Paths are absolute strings. The second half changes things and refuses on a looking host."""

    def now(self) -> datetime:
        """Return the time in UTC."""

    def uptime(self) -> float:
        """Return seconds since boot, suspend included (CLOCK_BOOTTIME), the clock of proc(5) starttime."""

    def ticks_per_second(self) -> int:
        """Return CLK_TCK."""

    def read(self, path: str, limit: int | None = None) -> bytes:
        """Return the file's bytes, at most `limit`."""

    def stat(self, path: str, *, follow: bool = True) -> Stat | None:
        """Return None when nothing is there."""

    def names(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in a directory."""

    def readlink(self, path: str) -> str:
        """Return the link's text."""

    def real(self, path: str) -> str:
        """Return the path with every link followed, as the kernel names an open file (realpath(3))."""

    def walk(self, path: str, prune: tuple[str, ...] = (), depth: int = 64) -> tuple[Entry, ...]:
        """Return the paths down to `depth`, never following links or entering a venv or a name in `prune`."""

    def which(self, program: str) -> str | None:
        """Return the program's path, or None."""

    def environ(self, name: str) -> str | None:
        """Return our own environment's value."""

    def run(
        self,
        argv: tuple[str, ...],
        *,
        cwd: str | None = None,
        env: tuple[tuple[str, str], ...] = (),
        clean: bool = False,
        stdin: str = "",
        timeout: float = 5.0,
    ) -> Ran:
        """Run a command that only looks. `env` is added to ours (`clean`: replaces it). Raises Unavailable."""

    def get(
        self,
        url: str,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        method: str = "GET",
        socket_path: str | None = None,
        limit: int = 4_000_000,
        timeout: float = 3.0,
    ) -> Answer:
        """Ask by GET or HEAD, over a unix socket when `socket_path` is given. Raises Unavailable."""

    def query_copy(
        self, path: str, statements: tuple[str, ...], *, limit: int, idle: bool = False
    ) -> tuple[tuple[tuple[Any, ...], ...] | None, ...]:
        """Return each statement's rows from a private copy of a SQLite file; `idle` as in sqlite_copy.query."""

    def act(
        self,
        argv: tuple[str, ...],
        *,
        cwd: str | None = None,
        env: tuple[tuple[str, str], ...] = (),
        timeout: float = 600.0,
    ) -> Ran:
        """Run a command that changes things. Raises Failed when it cannot be run or takes too long."""

    def makedirs(self, path: str, mode: int = 0o700) -> None:
        """Make the directory and its parents."""

    def write(self, path: str, data: bytes, mode: int = 0o600) -> None:
        """Replace the file by temp, fsync, rename."""

    def rename(self, source: str, target: str) -> None:
        """Rename; across filesystems copy, compare, delete. The target must not exist."""

    def clone(self, source: str, target: str) -> None:
        """Copy a tree by hard links (copies where links are refused); symlinks are kept."""

    def copy(self, source: str, target: str, like: str | None = None) -> None:
        """Copy one file and fsync it; mode and owner as `like` has them. The target must not exist."""

    def held_open(self, paths: tuple[str, ...]) -> AbstractContextManager[tuple[str, ...]]:
        """Keep the files alive, deleted or not, and return the names under which they can be read."""

    def backup_database(self, source: str, target: str) -> None:
        """Bring the SQLite database `target` to the content of `source`, verified. Raises Failed."""

    def digest_database(self, path: str) -> dict[str, tuple[int, str]]:
        """Return each table's rows and a digest of them and of its definition."""

    def differing_rows(self, path: str, kept: str, tables: tuple[str, ...]) -> dict[str, int]:
        """Return how many rows of each table a SQLite file and a kept one of it do not share."""

    def database_flaw(self, path: str) -> str | None:
        """Return why a kept SQLite file cannot be restored from (quick_check), or None."""

    def usage(self, path: str) -> int:
        """Return the bytes that deleting the tree frees."""

    def remove(self, path: str, inside: str) -> int:
        """Delete a tree of ours below `inside`, through no link; return how many names. Raises Failed, OSError."""

    def signal(self, ident: Ident, number: int) -> bool:
        """Signal exactly that process through a pidfd; False when it is already gone."""

    def alive(self, ident: Ident) -> bool:
        """Return whether exactly that process still runs (a zombie does not)."""

    def spawn(
        self,
        argv: tuple[str, ...],
        *,
        cwd: str,
        env: dict[str, str],
        stdout: str,
        stderr: str,
        uid: int | None = None,
        inherit: Mapping[int, int] = NONE,
    ) -> Ident:
        """Start a detached process that outlives us; output is appended to the named files.

        `inherit` gives its descriptors by number, and which of ours each is.
        """

    def taken(
        self, ident: Ident, descriptors: tuple[int, ...]
    ) -> AbstractContextManager[tuple[int, ...]]:
        """Share descriptors of a running process, which goes on using them; give ours. Raises OSError."""

    def visit(self, address: str, port: int, *, tls: bool) -> AbstractContextManager[Visit]:
        """Connect to a server of this machine. Raises OSError."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
