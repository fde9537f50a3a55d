"""How a tree moves to another filesystem: at every moment the source is whole, or the target, or both."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import stat
from contextlib import suppress

from unstale import removal
from unstale.errors import Failed

_CHUNK = 1 << 20
_REMAINS = re.compile(r"\.unstale-(\d+)-(?:arriving|departing)(?:-\d+)?")

Marks = dict[str, tuple[int, ...]]


def across(source: str, target: str) -> None:
    """Copy, sync, compare by content, then rename the source out of the way and delete that.

    Raises Failed when the source holds what cannot be copied or changes meanwhile, OSError; then nothing has moved.
    """
    removal.require_unmounted(source)
    for path in (source, target):
        _clear(os.path.dirname(path))
    before = _marks(source)
    arriving, departing = _beside(target, "arriving"), _beside(source, "departing")
    try:
        single = not stat.S_ISDIR(before[""][0])
        _copy(source, arriving, {}, durable=single)
        _sync(os.path.dirname(target), whole=not single)
        _require_equal(source, arriving)
        os.rename(arriving, target)
        _sync(os.path.dirname(target))
    except BaseException:
        _discard(arriving)
        raise
    try:
        departing = _departed(source, departing, before)
    except BaseException:
        os.rename(target, arriving)
        _discard(arriving)
        raise
    _sync(os.path.dirname(source))
    removal.delete(departing)


def _clear(directory: str) -> None:
    """Delete what a killed move left: a half copy, or a source whose copy had arrived whole."""
    for name in os.listdir(directory) if os.access(directory, os.R_OK) else ():
        left = _REMAINS.fullmatch(name)
        if left and not os.path.exists(f"/proc/{left[1]}"):
            _discard(f"{directory}/{name}")


def _beside(path: str, word: str) -> str:
    """Return a free name in the same directory, without the path's own, which may be as long as a name may be."""
    place = f"{os.path.dirname(path)}/.unstale-{os.getpid()}-{word}"
    names = (place, *(f"{place}-{number}" for number in range(1, 100)))
    return next(each for each in names if not os.path.lexists(each))


def _departed(source: str, aside: str, before: Marks) -> str:
    """Move the source out of the way and return where it is. Raises Failed, it being back, when it was written to.

    It stays where it is on overlayfs, which may not rename a directory of a lower layer; the target is whole by then
    (https://docs.kernel.org/filesystems/overlayfs.html, "redirect_dir").
    """
    try:
        os.rename(source, aside)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        aside = source
    if _marks(aside) != before:
        if aside != source:
            os.rename(aside, source)
        raise _changed(source)
    return aside


def _discard(path: str) -> None:
    if os.path.lexists(path):
        with suppress(OSError, Failed):
            removal.delete(path)


def _copy(
    source: str, target: str, linked: dict[tuple[int, int], str], *, durable: bool = False
) -> None:
    seen = os.lstat(source)
    if stat.S_ISLNK(seen.st_mode):
        os.symlink(os.readlink(source), target)
    elif stat.S_ISDIR(seen.st_mode):
        os.mkdir(target, 0o700)
        for name in os.listdir(source):
            _copy(f"{source}/{name}", f"{target}/{name}", linked)
    elif not stat.S_ISREG(seen.st_mode):
        raise Failed(
            what=f"{source} cannot be moved to another filesystem",
            why="it is a socket, a pipe or a device",
            next="Stop what made it, then try again.",
        )
    elif (seen.st_dev, seen.st_ino) in linked:
        os.link(linked[seen.st_dev, seen.st_ino], target)
        return
    else:
        _copy_bytes(source, target, durable=durable)
        if seen.st_nlink > 1:
            linked[seen.st_dev, seen.st_ino] = target
    _dress(source, target, seen)


def _copy_bytes(source: str, target: str, *, durable: bool) -> None:
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(reading, "rb") as read:
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(writing, "wb") as write:
            shutil.copyfileobj(read, write, _CHUNK)
            if durable:
                write.flush()
                os.fsync(writing)


def _dress(source: str, target: str, seen: os.stat_result) -> None:
    """Give the copy owner, mode, extended attributes and times."""
    if os.geteuid() == 0:
        os.lchown(target, seen.st_uid, seen.st_gid)
    if not stat.S_ISLNK(seen.st_mode):
        os.chmod(target, stat.S_IMODE(seen.st_mode))
        for name in _attributes(source):
            with suppress(OSError):  # the other filesystem may have none
                os.setxattr(target, name, os.getxattr(source, name))
    os.utime(target, ns=(seen.st_atime_ns, seen.st_mtime_ns), follow_symlinks=False)


def _attributes(path: str) -> list[str]:
    with suppress(OSError):
        return os.listxattr(path)
    return []


def _require_equal(source: str, target: str) -> None:
    one, other = os.lstat(source), os.lstat(target)
    same = one.st_mode == other.st_mode
    if same and stat.S_ISLNK(one.st_mode):
        same = os.readlink(source) == os.readlink(target)
    elif same and stat.S_ISREG(one.st_mode):
        same = one.st_size == other.st_size and _same_bytes(source, target)
    elif same:
        names = sorted(os.listdir(source))
        same = names == sorted(os.listdir(target))
        for name in names if same else ():
            _require_equal(f"{source}/{name}", f"{target}/{name}")
    if not same:
        raise _changed(source)


def _same_bytes(source: str, target: str) -> bool:
    with open(source, "rb") as one, open(target, "rb") as other:
        while (chunk := one.read(_CHUNK)) == other.read(_CHUNK):
            if not chunk:
                return True
        return False


def _marks(path: str) -> Marks:
    """Return what every write to the tree would change."""
    found: Marks = {}
    waiting = [""]
    while waiting:
        at = waiting.pop()
        seen = os.lstat(path + at)
        found[at] = (seen.st_mode, seen.st_ino, seen.st_size, seen.st_mtime_ns)
        if stat.S_ISDIR(seen.st_mode):
            waiting += [f"{at}/{name}" for name in os.listdir(path + at)]
    return found


def _changed(source: str) -> Failed:
    return Failed(
        what=f"{source} was not moved",
        why="it was changed while it was copied to another filesystem",
        next="Stop what writes to it, then try again.",
    )


def _sync(directory: str, *, whole: bool = False) -> None:
    """Write the directory out, or its whole filesystem (syncfs(2)): one call, where fsync would take one a file."""
    descriptor = os.open(directory or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
        if whole and ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            raise OSError(number := ctypes.get_errno(), os.strerror(number), directory)
    finally:
        os.close(descriptor)
