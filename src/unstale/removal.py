"""How a tree of ours is deleted: by directory descriptors (openat(2)), never through a link, whatever its modes are."""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from unstale.errors import Failed

_LEVELS = 64
"""Directories held open at once; what lies deeper is renamed up to the top first."""

_REMOVING = ".removing"  # prune finds by it what was not finished
_OURS = 0o700
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class _Work:
    """One deletion: the top's descriptor, what went and what stayed."""

    top: int
    removed: int = 0
    raised: int = 0
    left: dict[str, str] = field(default_factory=dict)


def remove(path: str, inside: str) -> int:
    """Delete a tree below the directory `inside`, of whose own path alone links are followed; return how many names.

    It is renamed first, so that a half-deleted one never passes for a whole one. Raises Failed when something is
    mounted in it or cannot be deleted, OSError when the way there is no plain directory.
    """
    names = Path(path).relative_to(inside).parts
    if not names or ".." in names:
        msg = f"{path} is not inside {inside}"
        raise TypeError(msg)
    require_unmounted(path)
    way = [os.open(inside, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        for name in names[:-1]:
            way += [os.open(name, _OPEN, dir_fd=way[-1])]  # closed if the next fails
        doomed = _renamed(way[-1], names[-1])
        return _delete_one(way[-1], doomed, path) if doomed else 0
    finally:
        for descriptor in way:
            os.close(descriptor)


def delete(path: str) -> int:
    """Delete a tree that has already been moved out of the way. Raises Failed, OSError."""
    require_unmounted(path)
    place = Path(path)
    parent = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _delete_one(parent, place.name, path)
    finally:
        os.close(parent)


def require_unmounted(path: str) -> None:
    """Raise Failed where a filesystem is mounted at the path or below (proc(5), mountinfo): it is not ours."""
    place = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    with open("/proc/self/mountinfo", "rb") as mounts:
        points = [_unescaped(line.split(b" ")[4]) for line in mounts]
    for point in points:
        if point == place or point.startswith(f"{place}/"):
            raise Failed(
                what=f"{path} is left alone",
                why=f"a filesystem is mounted at {point}",
                next=f"umount {point}",
            )


def _unescaped(point: bytes) -> str:
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda found: bytes((int(found[1], 8),)), point))


def usage(path: str) -> int:
    """Return the bytes that deleting a tree frees; a file with several names (hard links) counts for its share."""
    total = 0
    waiting = [path]
    while waiting:
        with (
            suppress(PermissionError, FileNotFoundError, NotADirectoryError),
            os.scandir(waiting.pop()) as scanned,
        ):
            for item in scanned:
                seen = item.stat(follow_symlinks=False)
                names = seen.st_nlink
                if item.is_dir(follow_symlinks=False):
                    waiting.append(item.path)
                    names = 1
                total += seen.st_blocks * 512 // names
    return total


def _renamed(parent: int, name: str) -> str | None:
    """Give the tree the name that says that it goes, after what an earlier run left; None where it is not there."""
    doomed = name.removesuffix(_REMOVING) + _REMOVING
    if name != doomed and _there(parent, name):
        if _there(parent, doomed):
            _delete_one(parent, doomed, doomed)
        os.rename(name, doomed, src_dir_fd=parent, dst_dir_fd=parent)
    return doomed if _there(parent, doomed) else None


def _there(parent: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _delete_one(parent: int, name: str, shown: str) -> int:
    seen = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISDIR(seen.st_mode):
        os.unlink(name, dir_fd=parent)
        return 1
    top = _opened(parent, name)
    work = _Work(top)
    try:
        while _empty(top, "", work, 0):
            pass  # what lay too deep came up
    finally:
        os.close(top)
    if work.left:
        first, why = next(iter(work.left.items()))
        raise Failed(
            what=f"{shown} was not deleted whole",
            why=f"{len(work.left)} of it stayed, the first {first.lstrip('/')}: {why}",
            next=f"Look at it: ls -la {shown}",
        )
    os.rmdir(name, dir_fd=parent)
    return work.removed + 1


def _empty(directory: int, at: str, work: _Work, level: int) -> bool:
    """Delete what the directory holds; return whether something came up from below meanwhile."""
    raised = work.raised
    with os.scandir(directory) as scanned:
        items = [(item.name, item.is_dir(follow_symlinks=False)) for item in scanned]
    for name, is_directory in items:
        try:
            if is_directory:
                _delete_directory(directory, name, f"{at}/{name}", work, level)
            else:
                os.unlink(name, dir_fd=directory)
            work.removed += 1
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:  # then what is in it was named already
                work.left[f"{at}/{name}"] = error.strerror or str(error)
    return work.raised > raised


def _delete_directory(parent: int, name: str, at: str, work: _Work, level: int) -> None:
    if level >= _LEVELS:
        os.rename(name, f".{work.raised}.raised", src_dir_fd=parent, dst_dir_fd=work.top)
        work.raised += 1
        return
    descriptor = _opened(parent, name)
    try:
        _empty(descriptor, at, work, level + 1)
    finally:
        os.close(descriptor)
    os.rmdir(name, dir_fd=parent)


def _opened(parent: int, name: str) -> int:
    """Open a directory and make it ours to empty; its mode is of no use to anybody any more."""
    try:
        descriptor = os.open(name, _OPEN, dir_fd=parent)
    except PermissionError:
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=parent)
        try:
            os.chmod(f"/proc/self/fd/{handle}", _OURS)
        finally:
            os.close(handle)
        descriptor = os.open(name, _OPEN, dir_fd=parent)
    if os.fstat(descriptor).st_mode & _OURS != _OURS:
        with suppress(PermissionError):  # not ours; deleting says so
            os.fchmod(descriptor, _OURS)
    return descriptor
