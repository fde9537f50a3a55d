"""The only door to the machine. Looking raises OSError; changing does too."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from unstale.answers import NONE, Answer, Columns, Digest, Entry, Ident, Ran, Rows, Stat, Visit
from unstale.evidence import Evidence

__all__ = ["NONE", "Answer", "Entry", "Evidence", "Host", "Ident", "Ran", "Stat", "Visit"]


class Host(Protocol):
    """The machine. Paths are absolute strings. The second half changes things and refuses on a looking host."""

    def now(self) -> datetime:
        """Return the time in UTC."""

    def uptime(self) -> float:
        """Return seconds since boot, suspend included (CLOCK_BOOTTIME), the clock of proc(5) starttime."""

    def ticks_per_second(self) -> int:
        """Return CLK_TCK."""

    def read(self, path: str, limit: int | None = None, *, tail: bool = False) -> bytes:
        """Return the file's bytes, at most `limit`: the first, with `tail` the last."""

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
    ) -> tuple[Rows | None, ...]:
        """Return each statement's rows from a private copy of a SQLite file; `idle` as in sqlite_copy.query."""

    def act(
        self,
        argv: tuple[str, ...],
        *,
        cwd: str | None = None,
        env: tuple[tuple[str, str], ...] = (),
        clean: bool = False,
        stdin: str = "",
        timeout: float = 600.0,
    ) -> Ran:
        """Run a command that changes things; `clean` as in `run`. Raises Failed: it cannot be run, takes too long."""

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

    def backup_database(self, source: str, target: str) -> dict[str, int]:
        """Bring the SQLite file `target` to the content of `source`, verified; return rows by table. Raises Failed."""

    def replace_database(self, path: str, staged: str, keep: str) -> None:
        """Rename the file `staged` to `path`; what was there goes to the directory `keep`. Raises Failed."""

    def query_database(self, path: str, statements: tuple[str, ...]) -> tuple[Rows | None, ...]:
        """Return each statement's rows, None without its table, as any reader of the file. Raises Failed."""

    def digest_database(self, path: str, columns: Columns | None = None) -> Digest:
        """Return each table's rows and a digest of them and of its definition; of these columns alone where named."""

    def change_database(self, path: str, statements: tuple[str, ...], unchanged: Columns) -> None:
        """Run statements on a SQLite file in one transaction, left out where these columns' rows would differ."""

    def hash(self, path: str) -> str:
        """Return the SHA-256 of a file's bytes."""

    def discard(self, path: str) -> None:
        """Delete a scratch file of ours, or an empty directory. Not there: nothing to do."""

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
        gids: tuple[int, ...] = (),
        inherit: Mapping[int, int] = NONE,
    ) -> Ident:
        """Start a detached process that outlives us; output is appended to the named files.

        `gids` are another user's group and supplementary ones. `inherit` gives its descriptors by
        number, and which of ours each is.
        """

    def taken(
        self, ident: Ident, descriptors: tuple[int, ...]
    ) -> AbstractContextManager[tuple[int, ...]]:
        """Share descriptors of a running process, which goes on using them; give ours. Raises OSError."""

    def listening(self, address: str, port: int) -> AbstractContextManager[int]:
        """Listen there; give our descriptor, which whoever is started may inherit. Raises OSError."""

    def converse(self, path: str, words: dict[str, Any]) -> dict[str, Any]:
        """Send one JSON object to a unix socket of ours, return the one that answers. Raises OSError, ValueError."""

    def visit(self, address: str, port: int, *, tls: bool) -> AbstractContextManager[Visit]:
        """Connect to a server of this machine. Raises OSError."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
