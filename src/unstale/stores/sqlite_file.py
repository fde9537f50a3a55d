"""Where a SQLite file is, whether two are one, and who has it open.

Open files tell (proc(5), /proc/PID/fd), and locks do, also of processes that may not be read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from unstale.redact import mask_words

if TYPE_CHECKING:
    from unstale.host import Host

_LINKS = 40  # as many as the kernel follows, path_resolution(7)
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


def real_path(host: Host, path: str) -> str:
    """Return the file that a link at the path leads to: SQLite keeps the WAL beside that one."""
    for _ in range(_LINKS):
        seen = host.stat(path, follow=False)
        if seen is None or seen.kind != "link":
            break
        path = os.path.normpath(Path(path).parent / host.readlink(path))
    return path


def same_file(host: Host, one: str, other: str) -> bool:
    """Return whether both names lead to one file: the kept one is a link until the exchange."""
    seen, here = host.stat(one), host.stat(other)
    if seen is None or here is None:
        return False
    same = (seen.device, seen.inode) == (here.device, here.inode)
    return same or (seen.size == here.size and host.hash(one) == host.hash(other))


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
