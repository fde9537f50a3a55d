"""The socket over which a keeper is asked: one request and one answer a connection, a JSON object a line each.

Stand-alone, the standard library alone.
"""

import contextlib
import json
import os
import selectors
import socket

_LINE = 1 << 20  # bytes of a request
_PATIENCE = 5.0  # seconds that half a request keeps the keeper waiting


def opened(path, selector, do):
    """Listen there; `do` takes each request and returns its answer."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    door.bind(path)
    os.chmod(path, 0o600)
    door.listen(8)
    door.setblocking(False)
    selector.register(door, selectors.EVENT_READ, lambda: _come(door, selector, do))


def _come(door, selector, do):
    with contextlib.suppress(OSError):
        client, _ = door.accept()
        client.settimeout(_PATIENCE)
        selector.register(client, selectors.EVENT_READ, lambda: _asked(client, selector, do))


def _asked(client, selector, do):
    answer = {"ok": False, "why": "no request"}
    try:
        with client.makefile("rb") as lines:
            line = lines.readline(_LINE)
        if line.strip():
            answer = do(json.loads(line))
    except (OSError, ValueError, LookupError, TypeError) as error:
        answer = {"ok": False, "why": f"{type(error).__name__}: {error}"}
    with contextlib.suppress(OSError):
        client.sendall(json.dumps(answer).encode() + b"\n")
    selector.unregister(client)
    client.close()
