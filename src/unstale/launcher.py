"""Starts processes that outlive us, and shares the descriptors of running ones with them."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from unstale.errors import Failed
from unstale.hands import ticks
from unstale.host import Ident

_PIDFD_GETFD = 438  # pidfd_getfd(2): one number on every architecture, since Linux 5.6
_BACKLOG = 2048  # connections that may wait while nobody accepts; the kernel's somaxconn caps it (listen(2))
_PATIENCE = 30.0  # seconds for one answer
_ABOVE = 100  # numbers from here on are in nobody's way


@contextmanager
def taken(ident: Ident, descriptors: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Share descriptors of exactly that process, which goes on using them. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    ours: list[int] = []
    process = os.pidfd_open(ident.pid)
    try:
        if ticks(ident.pid) != ident.ticks:
            raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH), str(ident.pid))
        for each in descriptors:
            low = libc.syscall(_PIDFD_GETFD, process, each, 0)
            if low < 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), f"/proc/{ident.pid}/fd/{each}")
            ours.append(fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, _ABOVE))
            os.close(low)
        yield tuple(ours)
    finally:
        for each in (process, *ours):
            os.close(each)


@contextmanager
def listening(address: str, port: int) -> Iterator[int]:
    """Listen there; give the descriptor. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family, backlog=_BACKLOG) as made:
        yield made.fileno()


def converse(path: str, words: dict[str, Any]) -> dict[str, Any]:
    """Send one JSON object a line to a unix socket; return the one that answers. Raises OSError, ValueError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(_PATIENCE)
        line.connect(path)
        line.sendall(json.dumps(words).encode() + b"\n")
        with line.makefile("rb") as said:
            return dict(json.loads(said.readline()))


def spawn(
    argv: tuple[str, ...],
    *,
    cwd: str,
    env: dict[str, str],
    output: tuple[str, str],
    who: tuple[int, ...],
    inherit: Mapping[int, int],
) -> Ident:
    """Start a process in its own session, reparented at once so that it never becomes our zombie.

    `output` names the files that standard output and error are appended to; `who` is another user: uid, gid,
    supplementary groups; `inherit` gives its descriptors by number, and which of ours each is.
    """
    out, err = output
    other = who if who and who[0] != os.getuid() else ()
    with (
        _appending(out) as stdout,
        _appending(err) as stderr,
        _numbers(inherit) as numbers,
    ):
        child = subprocess.Popen(  # noqa: S603 - the argv of a process that ran before
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            user=other[0] if other else None,
            group=other[1] if other[1:] else None,
            extra_groups=other[2:] if other else None,
            pass_fds=numbers,
            preexec_fn=(lambda: _renumber(inherit)) if inherit else None,  # noqa: PLW1509 - only dup2(2)
        )
    started = ticks(child.pid)
    child.returncode = 0  # it outlives us; the interpreter must not wait for it or warn
    if started is None:
        with suppress(ChildProcessError):
            os.waitpid(child.pid, 0)
        raise Failed(what=f"{argv[0]} ended at once", why="it did not stay up", next=f"Read {err}.")
    return Ident(child.pid, started)


@contextmanager
def _numbers(inherit: Mapping[int, int]) -> Iterator[tuple[int, ...]]:
    """Open the child's numbers here too: subprocess marks them inheritable before preexec_fn fills them."""
    lent = [number for number in inherit if not _open(number)]
    try:
        for number in lent:
            os.dup2(inherit[number], number)
        yield tuple(inherit)
    finally:
        for number in lent:
            os.close(number)


def _renumber(inherit: Mapping[int, int]) -> None:
    for number, ours in inherit.items():
        os.dup2(ours, number)


def _open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _appending(path: str) -> BinaryIO:
    return open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600))
