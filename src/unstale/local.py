"""This machine. A looking host refuses every change, so that `check` cannot leave a trace."""

from __future__ import annotations

import errno
import os
import shutil
import stat as stat_bits
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unstale import hands, sqlite_copy, sqlite_hands, web
from unstale.errors import Failed, Unavailable
from unstale.host import Answer, Entry, Ident, Ran, Stat

_DIR, _LINK, _FILE = stat_bits.S_IFDIR, stat_bits.S_IFLNK, stat_bits.S_IFREG
_KINDS = {_DIR: "dir", _LINK: "link", _FILE: "file"}
_NULL = os.makedev(1, 3)  # /dev/null reads as empty (null(4))


class LocalHost:
    """The machine that we run on. Only `changing=True` may change it."""

    def __init__(self, *, changing: bool = False) -> None:
        self.changing = changing

    def now(self) -> datetime:
        return datetime.now(UTC)

    def uptime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def ticks_per_second(self) -> int:
        return os.sysconf("SC_CLK_TCK")

    def read(self, path: str, limit: int | None = None) -> bytes:
        return _read(path, limit)

    def stat(self, path: str, *, follow: bool = True) -> Stat | None:
        try:
            return _stat(os.stat(path, follow_symlinks=follow))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def names(self, path: str) -> tuple[str, ...]:
        return tuple(sorted(os.listdir(path)))

    def readlink(self, path: str) -> str:
        return os.readlink(path)

    def walk(self, path: str, prune: tuple[str, ...] = (), depth: int = 64) -> tuple[Entry, ...]:
        return tuple(_walk(path, "", frozenset(prune), depth))

    def which(self, program: str) -> str | None:
        return shutil.which(program)

    def environ(self, name: str) -> str | None:
        return os.environ.get(name)

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
        full = dict(env) if clean else {**os.environ, **dict(env)}
        try:
            return _run(argv, cwd, full, stdin, timeout)
        except subprocess.TimeoutExpired:
            raise Unavailable(
                what=f"{Path(argv[0]).name} did not answer",
                why=f"no result within {timeout:g} s",
                next=f"Run it by hand: {' '.join(argv)}",
            ) from None
        except OSError as error:
            raise Unavailable(
                what=f"cannot run {argv[0]}",
                why=error.strerror or str(error),
                next=f"Install {argv[0]}.",
            ) from None

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
        return web.ask(url, headers, method, socket_path, limit=limit, timeout=timeout)

    def query_copy(
        self, path: str, statements: tuple[str, ...], *, limit: int, idle: bool = False
    ) -> tuple[tuple[tuple[Any, ...], ...] | None, ...]:
        return sqlite_copy.query(path, statements, limit=limit, idle=idle)

    def act(
        self,
        argv: tuple[str, ...],
        *,
        cwd: str | None = None,
        env: tuple[tuple[str, str], ...] = (),
        timeout: float = 600.0,
    ) -> Ran:
        self._require_changing(f"run {argv[0]}")
        try:
            return _run(argv, cwd, {**os.environ, **dict(env)}, "", timeout)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failed(
                what=f"{Path(argv[0]).name} did not finish",
                why=str(error),
                next="Run it by hand to see more.",
            ) from None

    def makedirs(self, path: str, mode: int = 0o700) -> None:
        self._require_changing(f"make {path}")
        hands.private(Path(path).parent)
        os.makedirs(path, mode=mode, exist_ok=True)

    def write(self, path: str, data: bytes, mode: int = 0o600) -> None:
        self._require_changing(f"write {path}")
        hands.replace(path, data, mode)

    def rename(self, source: str, target: str) -> None:
        self._require_changing(f"rename {source}")
        hands.rename(source, target)

    def clone(self, source: str, target: str) -> None:
        self._require_changing(f"copy {source}")
        hands.clone(source, target)

    def copy(self, source: str, target: str, like: str | None = None) -> None:
        self._require_changing(f"copy {source}")
        hands.private(Path(target).parent)
        sqlite_hands.copy(source, target, like)

    def held_open(self, paths: tuple[str, ...]) -> AbstractContextManager[tuple[str, ...]]:
        return sqlite_hands.held_open(paths)

    def backup_database(self, source: str, target: str) -> None:
        self._require_changing(f"write {target}")
        hands.private(Path(target).parent)
        sqlite_hands.backup(source, target)

    def digest_database(self, path: str) -> dict[str, tuple[int, str]]:
        self._require_changing(f"open {path}")
        return sqlite_hands.digest(path)

    def signal(self, ident: Ident, number: int) -> bool:
        self._require_changing(f"signal {ident.pid}")
        return hands.signal_exactly(ident, number)

    def alive(self, ident: Ident) -> bool:
        return hands.alive(ident)

    def spawn(
        self,
        argv: tuple[str, ...],
        *,
        cwd: str,
        env: dict[str, str],
        stdout: str,
        stderr: str,
        uid: int | None = None,
    ) -> Ident:
        self._require_changing(f"start {argv[0]}")
        return hands.spawn(argv, cwd=cwd, env=env, stdout=stdout, stderr=stderr, uid=uid)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def _require_changing(self, what: str) -> None:
        if not self.changing:
            msg = f"a looking host was asked to {what}"
            raise TypeError(msg)


def _run(
    argv: tuple[str, ...], cwd: str | None, env: dict[str, str], stdin: str, timeout: float
) -> Ran:
    done = subprocess.run(  # noqa: S603 - the argv is ours, never a shell line
        argv,
        cwd=cwd,
        env=env,
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=timeout,
        check=False,
    )
    return Ran(argv, done.returncode, done.stdout, done.stderr)


def _read(path: str, limit: int | None) -> bytes:
    """Read a regular file. Looked at before it is opened: to open a FIFO waits for, or wakes, a writer."""
    seen = os.stat(path)
    if seen.st_rdev == _NULL:
        return b""
    if not stat_bits.S_ISREG(seen.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", path)
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            return file.read() if limit is None else file.read(limit)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None  # read(2) names no file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _stat(seen: os.stat_result) -> Stat:
    return Stat(
        kind=_KINDS.get(stat_bits.S_IFMT(seen.st_mode), "other"),
        size=seen.st_size,
        mtime_ns=seen.st_mtime_ns,
        ctime_ns=seen.st_ctime_ns,
        inode=seen.st_ino,
        device=seen.st_dev,
        mode=stat_bits.S_IMODE(seen.st_mode),
        uid=seen.st_uid,
        links=seen.st_nlink,
    )


def _walk(top: str, inside: str, prune: frozenset[str], depth: int) -> Iterator[Entry]:
    below: list[str] = []
    with os.scandir(os.path.join(top, inside) if inside else top) as found:
        for item in sorted(found, key=lambda each: each.name):
            path = f"{inside}/{item.name}" if inside else item.name
            seen = item.stat(follow_symlinks=False)
            kind = _KINDS.get(stat_bits.S_IFMT(seen.st_mode), "other")
            if kind == "dir":
                if item.name in prune or os.path.exists(os.path.join(item.path, "pyvenv.cfg")):
                    continue
                below.append(path)
            yield Entry(path, kind, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
    for path in below if depth > 1 else ():
        try:
            yield from _walk(top, path, prune, depth - 1)
        except PermissionError:
            yield Entry(path, "closed", 0, 0, 0)
