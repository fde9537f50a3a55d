"""A server that drops what it has begun ends when nobody waits for its answer."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from lab.arena import free_port
from lab.waiting import wait_for
from unstale.actions.lifecycle import ident_of
from unstale.actions.quiet import PATIENCE, open_connections, term_when_quiet
from unstale.host import Ident
from unstale.local import LocalHost

SLOW = 1.0
SERVER = f"""\
import http.server, sys, time
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep({SLOW} if self.path == "/slow" else 600)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"whole")
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Slow).serve_forever()
"""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(port: int) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], stderr=subprocess.DEVNULL)
    wait_for(lambda: connected(port))
    yield child
    child.kill()
    child.wait()


def connected(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def asking(port: int, words: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(words)
    return client


def seen(host: LocalHost, server: subprocess.Popen[bytes], port: int) -> set[int]:
    """Return its connections once all that are there have been accepted."""
    time.sleep(0.2)
    return open_connections(host, (ident_of(host, server.pid),), {port})


def test_request_that_it_works_on_is_answered_first(
    server: subprocess.Popen[bytes], port: int
) -> None:
    host = LocalHost(changing=True)
    with asking(port, b"GET /slow HTTP/1.0\r\n\r\n") as client:
        assert len(seen(host, server, port)) == 1
        began = time.monotonic()
        term_when_quiet(host, (ident_of(host, server.pid),), {port}, idle=frozenset())
        assert time.monotonic() - began > SLOW / 2
        assert client.makefile("rb").read().endswith(b"whole")
    assert server.wait(5) == -signal.SIGTERM


def test_connection_that_was_idle_before_does_not_keep_it(
    server: subprocess.Popen[bytes], port: int
) -> None:
    host = LocalHost(changing=True)
    with asking(port, b""):
        idle = seen(host, server, port)
        assert len(idle) == 1
        began = time.monotonic()
        term_when_quiet(host, (ident_of(host, server.pid),), {port}, idle=idle)
        assert server.wait(5) == -signal.SIGTERM
        assert time.monotonic() - began < PATIENCE


def test_server_that_is_never_quiet_ends_all_the_same(
    server: subprocess.Popen[bytes], port: int
) -> None:
    host = LocalHost(changing=True)
    with asking(port, b"GET /endless HTTP/1.0\r\n\r\n"):
        assert seen(host, server, port)
        term_when_quiet(host, (ident_of(host, server.pid),), {port}, idle=frozenset())
        assert server.wait(5) == -signal.SIGTERM


def test_server_that_finishes_by_itself_is_left_to_its_own_way() -> None:
    host = LocalHost(changing=True)
    argv = ["uvicorn", "-c", "import time; time.sleep(600)"]
    child = subprocess.Popen(argv, executable=sys.executable)
    try:
        wait_for(lambda: host.read(f"/proc/{child.pid}/cmdline").startswith(b"uvicorn"))
        ident: Ident = ident_of(host, child.pid)
        term_when_quiet(host, (ident,), {1}, idle=frozenset())
        time.sleep(0.3)
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()
