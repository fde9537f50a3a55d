"""This machine. A looking host refuses every change, so that `check` cannot leave a trace."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from unstale import eyes, hands, sqlite_copy, sqlite_hands, sqlite_rows, sqlite_swap
from unstale.answers import Answer, Columns, Digest, Entry, Ident, Ran, Rows, Stat
from unstale.errors import Failed, Unavailable


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
        return eyes.read(path, limit)

    def stat(self, path: str, *, follow: bool = True) -> Stat | None:
        try:
            return eyes.stat(os.stat(path, follow_symlinks=follow))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def names(self, path: str) -> tuple[str, ...]:
        return tuple(sorted(os.listdir(path)))

    def readlink(self, path: str) -> str:
        return os.readlink(path)

    def walk(self, path: str, prune: tuple[str, ...] = (), depth: int = 64) -> tuple[Entry, ...]:
        return eyes.walk(path, frozenset(prune), depth)

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
        try:
            return eyes.run(argv, cwd, eyes.environment(env, clean=clean), stdin, timeout)
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
        from unstale import web  # noqa: PLC0415 - loaded when something is asked

        return web.ask(url, headers, method, socket_path, limit=limit, timeout=timeout)

    def query_copy(
        self, path: str, statements: tuple[str, ...], *, limit: int, idle: bool = False
    ) -> tuple[Rows | None, ...]:
        return sqlite_copy.query(path, statements, limit=limit, idle=idle)

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
        self._require_changing(f"run {argv[0]}")
        try:
            return eyes.run(argv, cwd, eyes.environment(env, clean=clean), stdin, timeout)
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

    def backup_database(self, source: str, target: str) -> dict[str, int]:
        self._require_changing(f"write {target}")
        hands.private(Path(target).parent)
        return sqlite_hands.backup(source, target)

    def replace_database(self, path: str, staged: str, keep: str) -> None:
        self._require_changing(f"replace {path}")
        sqlite_swap.replace(path, staged, keep)

    def query_database(self, path: str, statements: tuple[str, ...]) -> tuple[Rows | None, ...]:
        self._require_changing(f"open {path}")
        return sqlite_hands.query(path, statements)

    def digest_database(self, path: str, columns: Columns | None = None) -> Digest:
        self._require_changing(f"open {path}")
        return sqlite_rows.digest(path, columns)

    def change_database(self, path: str, statements: tuple[str, ...], unchanged: Columns) -> None:
        self._require_changing(f"change {path}")
        sqlite_rows.change(path, statements, unchanged)

    def hash(self, path: str) -> str:
        return eyes.sha256(path)

    def discard(self, path: str) -> None:
        self._require_changing(f"delete {path}")
        hands.discard(path)

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
