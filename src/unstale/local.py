"""This machine. A looking host refuses every change, so that `check` cannot leave a trace."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unstale import eyes, hands, launcher, removal, sqlite_hands
from unstale.answers import NONE, Answer, Entry, Ident, Ran, Stat, Visit
from unstale.errors import Failed, Unavailable
from unstale.sqlite_door import SqliteDoor


class LocalHost(SqliteDoor):
    """The machine that we run on. Only `changing=True` may change it."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def uptime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def ticks_per_second(self) -> int:
        return os.sysconf("SC_CLK_TCK")

    def read(self, path: str, limit: int | None = None, *, tail: bool = False) -> bytes:
        return eyes.read(path, limit, tail=tail)

    def stat(self, path: str, *, follow: bool = True) -> Stat | None:
        try:
            return eyes.stat(os.stat(path, follow_symlinks=follow))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def names(self, path: str) -> tuple[str, ...]:
        return tuple(sorted(os.listdir(path)))

    def readlink(self, path: str) -> str:
        return os.readlink(path)

    def real(self, path: str) -> str:
        return os.path.realpath(path)

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
            ours = (*env, hands.mark())
            return eyes.run(argv, cwd, eyes.environment(ours, clean=clean), stdin, timeout)
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

    def usage(self, path: str) -> int:
        return removal.usage(path)

    def remove(self, path: str, inside: str) -> int:
        self._require_changing(f"delete {path}")
        return removal.remove(path, inside)

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
        gids: tuple[int, ...] = (),
        inherit: Mapping[int, int] = NONE,
    ) -> Ident:
        self._require_changing(f"start {argv[0]}")
        out = (stdout, stderr)
        who = (uid, *gids) if uid is not None else ()
        return launcher.spawn(argv, cwd=cwd, env=env, output=out, who=who, inherit=inherit)

    def taken(
        self, ident: Ident, descriptors: tuple[int, ...]
    ) -> AbstractContextManager[tuple[int, ...]]:
        self._require_changing(f"share descriptors of {ident.pid}")
        return launcher.taken(ident, descriptors)

    def listening(self, address: str, port: int) -> AbstractContextManager[int]:
        self._require_changing(f"listen on {address}:{port}")
        return launcher.listening(address, port)

    def converse(self, path: str, words: dict[str, Any]) -> dict[str, Any]:
        if words != {"do": "status"}:
            self._require_changing(f"ask {path} to {words.get('do')}")
        return launcher.converse(path, words)

    def visit(self, address: str, port: int, *, tls: bool) -> AbstractContextManager[Visit]:
        from unstale import web  # noqa: PLC0415 - loaded when something is asked

        return web.visit(address, port, tls=tls)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
