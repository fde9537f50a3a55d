"""How this machine is changed: renames, atomic writes, signals through pidfds, detached processes."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

from unstale.errors import Failed
from unstale.host import Ident

MARK = "UNSTALE_WORKS_FOR"


def replace(path: str, data: bytes, mode: int) -> None:
    """Write a temporary file beside the target, fsync it, rename it over, fsync the directory."""
    target = Path(path)
    private(target.parent)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)  # of a run that was killed and had our pid
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError:  # a full disk must not stay fuller
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(target.parent)


def private(directory: Path) -> None:
    """Make the directory and what is missing above it for us alone: mkdir(2)'s mode does not reach parents."""
    missing = [each for each in (directory, *directory.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def sync_directory(path: Path) -> None:
    """Make renames in the directory durable (rename(2) alone is not)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename(source: str, target: str) -> None:
    """Rename; across filesystems copy, compare and then rename the source out of the way, as `crossing` says."""
    if os.path.lexists(target):
        raise Failed(
            what=f"cannot move {source}",
            why=f"{target} is already there",
            next=f"Look at {target}.",
        )
    private(Path(target).parent)
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        from unstale import crossing  # noqa: PLC0415 - loaded when two filesystems meet

        crossing.across(source, target)


def discard(path: str) -> None:
    """Delete a file, or an empty directory; nothing where nothing is."""
    with suppress(FileNotFoundError):
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        else:
            os.unlink(path)


def clone(source: str, target: str) -> None:
    """Copy a tree by hard links: unlink-and-replace writers (pip, uv, npm, import) leave the copy as it was."""
    private(Path(target).parent)
    shutil.copytree(source, target, symlinks=True, copy_function=_link)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def ticks(pid: int) -> int | None:
    """Return the process's start in clock ticks since boot, or None when it is gone or a zombie (proc(5))."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])


def mark() -> tuple[str, str]:
    """Return the variable that tells whose command a process is: ours, and those that it starts."""
    return MARK, f"{os.getpid()}:{ticks(os.getpid())}"


def alive(ident: Ident) -> bool:
    """Return whether exactly that process still runs."""
    return ticks(ident.pid) == ident.ticks


def signal_exactly(ident: Ident, number: int) -> bool:
    """Signal through a pidfd taken before the identity is read again, so that a reused pid is never hit."""
    try:
        descriptor = os.pidfd_open(ident.pid)
    except ProcessLookupError:
        return False
    try:
        if ticks(ident.pid) != ident.ticks:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True
