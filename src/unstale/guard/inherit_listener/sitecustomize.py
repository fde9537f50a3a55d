"""Makes the first bind() to an inherited address the inherited listening socket.

Stand-alone, Python 3.9 or later, standard library only. Whoever starts the server puts this directory
first on PYTHONPATH, so that `site` imports it (https://docs.python.org/3/library/site.html), and names
the descriptors of listening sockets in UNSTALE_LISTENERS ("100 101"). argv stays what a person typed.

It removes its traces: its directory from sys.path at once; the variables as soon as every listener is
taken, so that a parent which never binds (Django's reloader) hands them on to the child that does.
An environment's own sitecustomize runs as if this one were not there.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import socket
import sys

VARIABLE = "UNSTALE_LISTENERS"


def _install() -> None:
    listeners = {}
    for word in os.environ.get(VARIABLE, "").split():
        address = _listening(int(word))
        if address is not None:
            listeners[address] = int(word)
    if not listeners:
        return
    inherited_bind = socket.socket.bind

    def bind(self, address):
        taken = next((each for each in _meant(self, address) if each in listeners), None)
        if taken is None:
            return inherited_bind(self, address)
        descriptor = listeners.pop(taken)
        os.dup2(descriptor, self.fileno(), inheritable=os.get_inheritable(self.fileno()))
        os.close(descriptor)
        if not listeners:
            del socket.socket.bind
            _forget()
        return None

    socket.socket.bind = bind


def _listening(descriptor: int):
    """Return (family, host, port) of a listening TCP socket, None for anything else: a wrapper may close descriptors."""
    try:
        copy = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return None
    with copy:
        if copy.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        if not copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return None
        return (int(copy.family), *copy.getsockname()[:2])


def _meant(sock, address):
    """Yield (family, host, port) that bind(2) would take the address for."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
        return
    host, port = address[:2]
    try:
        found = socket.getaddrinfo(
            host or None, port, sock.family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE
        )
    except (OSError, TypeError):
        return
    for each in found:
        yield (int(each[0]), *each[4][:2])


def _forget() -> None:
    os.environ.pop(VARIABLE, None)
    rest = os.environ.pop("PYTHONPATH", "").split(os.pathsep)[1:]
    if rest:
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)


def _step_aside() -> None:
    """Leave sys.path, and run the environment's own sitecustomize where it has one."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [each for each in sys.path if os.path.abspath(each or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        own = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = own
        spec.loader.exec_module(own)


_install()
_step_aside()
