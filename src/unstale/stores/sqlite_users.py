"""Who has a SQLite file open: open files (proc(5), /proc/PID/fd), and locks, also of processes that may not be read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from unstale.redact import mask_words

if TYPE_CHECKING:
    from unstale.host import Host

_LOCK = re.compile(r"\d+: (?!->).* (\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) ")


def users(host: Host, path: str) -> tuple[str, ...]:
    """Return "process 4711 (uvicorn app.main:app)" for each process that has the file or its WAL open."""
    files = {
        (seen.device, seen.inode)
        for suffix in ("", "-wal", "-shm", "-journal")
        if (seen := host.stat(path + suffix)) is not None
    }
    pids = {*_locking(host, files), *(pid for pid in _pids(host) if _holds(host, pid, path, files))}
    return tuple(f"process {pid} ({_command(host, pid)})" for pid in sorted(pids - {os.getpid()}))


def _pids(host: Host) -> Iterator[int]:
    return (int(name) for name in host.names("/proc") if name.isdigit())


def _holds(host: Host, pid: int, path: str, files: set[tuple[int, int]]) -> bool:
    stem = path.rpartition("/")[2]
    with suppress(OSError):  # it ended, or is another user's
        for name in host.names(f"/proc/{pid}/fd"):
            link = f"/proc/{pid}/fd/{name}"
            with suppress(OSError):
                if stem in host.readlink(link):
                    seen = host.stat(link)
                    if seen is not None and (seen.device, seen.inode) in files:
                        return True
    return False


def _locking(host: Host, files: set[tuple[int, int]]) -> Iterator[int]:
    """Yield who locks it: in WAL mode every connection holds byte 128 of the -shm (walformat.html, "WAL locks")."""
    for line in host.read("/proc/locks").decode("ascii", "replace").splitlines():
        found = _LOCK.match(line)
        if found and (os.makedev(int(found[2], 16), int(found[3], 16)), int(found[4])) in files:
            yield int(found[1])


def _command(host: Host, pid: int) -> str:
    with suppress(OSError):
        words = host.read(f"/proc/{pid}/cmdline").decode("utf-8", "surrogateescape").rstrip("\0")
        if words:
            return " ".join(mask_words(tuple(words.split("\0"))))
    return "not readable"
