"""How this machine is looked at: files, trees, programs that only tell."""

from __future__ import annotations

import errno
import hashlib
import os
import stat as stat_bits
import subprocess
from operator import attrgetter

from unstale.host import Entry, Ran, Stat

_DIR, _LINK, _FILE = stat_bits.S_IFDIR, stat_bits.S_IFLNK, stat_bits.S_IFREG
_KINDS = {_DIR: "dir", _LINK: "link", _FILE: "file"}
_BY_NAME = attrgetter("name")
_NULL = os.makedev(1, 3)  # /dev/null reads as empty (null(4))


def run(
    argv: tuple[str, ...], cwd: str | None, env: dict[str, str], stdin: str, timeout: float
) -> Ran:
    """Run a program to its end. Raises OSError, subprocess.TimeoutExpired."""
    done = subprocess.run(  # noqa: S603 - the argv is ours, never a shell line
        argv,
        cwd=cwd,
        env=env,
        input=stdin.encode("utf-8", "surrogateescape"),
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    out, err = (each.decode("utf-8", "surrogateescape") for each in (done.stdout, done.stderr))
    return Ran(argv, done.returncode, out, err)  # not text=True, which would turn CRLF into LF


def environment(more: tuple[tuple[str, str], ...], *, clean: bool) -> dict[str, str]:
    """Return our own environment with more in it, or these variables alone."""
    return dict(more) if clean else {**os.environ, **dict(more)}


def read(path: str, limit: int | None, *, tail: bool = False) -> bytes:
    """Read a regular file. Looked at before it is opened: to open a FIFO waits for, or wakes, a writer."""
    seen = os.stat(path)
    if seen.st_rdev == _NULL:
        return b""
    if not stat_bits.S_ISREG(seen.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", path)
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if tail and limit is not None:
                file.seek(max(0, seen.st_size - limit))
            return file.read() if limit is None else file.read(limit)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None  # read(2) names no file


def sha256(path: str) -> str:
    """Return the SHA-256 of a file's bytes, about a second a GiB."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def stat(seen: os.stat_result) -> Stat:
    """Return what stat(2) told, as facts record it."""
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


def walk(top: str, prune: frozenset[str], depth: int) -> tuple[Entry, ...]:
    """Return the entries below, a directory's own before those of its directories."""
    found: list[Entry] = []
    _walk(top, "", prune, depth, found)
    return tuple(found)


def _walk(top: str, inside: str, prune: frozenset[str], depth: int, found: list[Entry]) -> None:
    below: list[str] = []
    with os.scandir(f"{top}/{inside}" if inside else top) as scanned:
        for item in sorted(scanned, key=_BY_NAME):
            path = f"{inside}/{item.name}" if inside else item.name
            try:
                seen = item.stat(follow_symlinks=False)
            except FileNotFoundError:  # gone meanwhile
                continue
            kind = _KINDS.get(stat_bits.S_IFMT(seen.st_mode), "other")
            if kind == "dir":
                if item.name in prune or os.path.exists(f"{item.path}/pyvenv.cfg"):
                    continue
                below.append(path)
            found.append(Entry(path, kind, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns))
    for path in below if depth > 1 else ():
        try:
            _walk(top, path, prune, depth - 1, found)
        except FileNotFoundError:
            continue
        except PermissionError:
            found.append(Entry(path, "closed", 0, 0, 0))
