"""The record of every change: a JSON object a line, each sealed with a checksum over it and the line before."""

from __future__ import annotations

import errno
import fcntl
import getpass
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from unstale import __version__
from unstale.errors import Halted, Locked, Refused, UsageError
from unstale.hands import private, sync_directory

FORMAT = 1
"""What a line is made of. A line of a higher format is not understood, and nothing is changed on top of it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One entry. `event` is begin, intent, done, failed, refused, note or end; `version` is what wrote a begin."""

    seq: int
    at: datetime
    run: str
    event: str
    data: dict[str, Any]
    version: str = ""


class Journal:
    """Append-only, fsynced at every line. A torn last line is cut; a broken seal before it stops every change."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "journal.jsonl"
        self._verified: tuple[tuple[int, int], int, str] | None = None

    def lines(self) -> tuple[Line, ...]:
        """Return what was recorded. Raises Halted when a line in the middle was edited."""
        return tuple(line for line, _ in self._sealed())

    def append(self, at: datetime, run: str, event: str, data: dict[str, Any]) -> None:
        """Write one line and fsync it before returning."""
        private(self.directory)
        seq, before = self._next()
        body = {"seq": seq, "at": at.isoformat(), "run": run, "event": event, "data": data}
        if event == "begin":
            body |= {"format": FORMAT, "unstale": __version__}
        seal = _seal(body, before)
        text = json.dumps({**body, "sum": seal}, ensure_ascii=True)
        try:
            self._write(text.encode() + b"\n")
        except OSError as error:
            kind = Refused if event == "begin" else Halted
            raise kind(
                what=f"cannot write the journal {self.path}",
                why=error.strerror or str(error),
                next="Make room there; the next run cuts a half line. unstale log says what was done.",
            ) from None
        self._verified = (self._mark(), seq + 1, seal)

    def _next(self) -> tuple[int, str]:
        """Return the next line's number and what its checksum follows, every line before it verified.

        Once only while nobody else writes: verifying 10,000 lines takes 0.2 s.
        """
        if self._verified is None or self._verified[0] != self._mark():
            sealed = tuple(self._sealed())
            if self.torn():
                os.truncate(self.path, self._raw().rfind(b"\n") + 1)
            return (sealed[-1][0].seq + 1, sealed[-1][1]) if sealed else (1, "")
        return self._verified[1:]

    def _mark(self) -> tuple[int, int]:
        if not self.path.exists():
            return (0, 0)
        seen = self.path.stat()
        return seen.st_size, seen.st_mtime_ns

    def _write(self, line: bytes) -> None:
        fresh = not self.path.exists()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            written = os.write(descriptor, line)
            if written < len(line):  # a disk that fills up takes the first part (write(2))
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if fresh:  # else a crash may leave its bytes without its name
            sync_directory(self.directory)

    def torn(self) -> bool:
        """Return whether the last line was cut off in writing: by a crash or a full disk."""
        raw = self._raw()
        return bool(raw) and not raw.endswith(b"\n")

    def _raw(self) -> bytes:
        return self.path.read_bytes() if self.path.exists() else b""

    def _sealed(self) -> Iterator[tuple[Line, str]]:
        before = ""
        for number, text in enumerate(self._raw().split(b"\n")[:-1], 1):
            try:
                body = json.loads(text)
                seal = body.pop("sum")
            except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
                raise self._broken(number) from None
            if seal != _seal(body, before):
                raise self._broken(number)
            if body.get("format", FORMAT) > FORMAT:
                raise self._newer(number, body.get("unstale"))
            before = seal
            at = datetime.fromisoformat(body["at"])
            words = (body["run"], body["event"], body["data"], body.get("unstale", ""))
            yield Line(body["seq"], at, *words), seal

    def _newer(self, number: int, version: str | None) -> Refused:
        return Refused(
            what=f"the journal {self.path} is of a newer unstale",
            why=f"line {number} was written by {version or 'another version'}; this is {__version__}",
            next=f"Use unstale {version or 'of that version'} or later.",
        )

    def _broken(self, number: int) -> Halted:
        return Halted(
            what=f"the journal {self.path} cannot be trusted",
            why=f"line {number} does not match its checksum: it was edited or damaged",
            next=f"Look at it, then move it away: mv {self.path} {self.path}.damaged",
        )


@contextmanager
def locked(directory: Path, why: str, now: datetime) -> Iterator[None]:
    """Hold the project's one lock; it dies with its holder. Raises Locked naming who holds it, since when and why."""
    path = directory / "lock"
    try:
        private(directory)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(
            what=f"cannot keep a journal in {directory}",
            why=error.strerror or str(error),
            next="Make it writable, or set another place: unstale.toml [project] state",
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 4096).decode(errors="replace").strip() or "another run"
            raise Locked(
                what="another run is at work", why=holder, next="Wait for it to end."
            ) from None
        since = now.isoformat(timespec="seconds")
        words = f"{why} by {user()} (pid {os.getpid()}) since {since}"
        with suppress(OSError):  # a full disk: the lock holds without its words
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, words.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def user() -> str:
    """Return who runs this: by name, or by number where the machine knows no name (a container's --user)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _seal(body: dict[str, Any], before: str) -> str:
    text = json.dumps(body, ensure_ascii=True, sort_keys=True)
    return hashlib.sha256((before + text).encode()).hexdigest()[:16]
