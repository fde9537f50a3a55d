"""One HTTP request by the standard library: no redirects, no proxies, a size limit and a time limit."""

from __future__ import annotations

import errno
import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import quote, urlsplit

from unstale.errors import Unavailable
from unstale.host import Answer

_CONNECT = 5.0  # seconds


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(
    url: str,
    headers: tuple[tuple[str, str], ...],
    method: str,
    socket_path: str | None,
    *,
    limit: int,
    timeout: float,
) -> Answer:
    """Send one request. Raises Unavailable when nobody answers within `timeout` seconds."""
    connection = _connection(url, socket_path, timeout)
    deadline = time.monotonic() + timeout
    try:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        target = quote(
            target, safe="!#$%&'()*+,/:;=?@[]~"
        )  # a name in another script goes as UTF-8
        connection.request(
            method, target, headers={"Accept": "*/*", "Connection": "close", **dict(headers)}
        )
        response = connection.getresponse()
        body = _body(response, limit, deadline)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Unavailable(
            what=f"{url} did not answer",
            why=str(error) or type(error).__name__,
            next=f"curl -i {url}",
        ) from None
    finally:
        connection.close()
    named = tuple((key.lower(), value) for key, value in response.getheaders())
    return Answer(url, response.status, named, body)


def _connection(url: str, socket_path: str | None, timeout: float) -> http.client.HTTPConnection:
    if socket_path is not None:
        return _UnixConnection(socket_path, timeout)
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    if parts.scheme != "https":
        return http.client.HTTPConnection(host, parts.port, timeout=timeout)
    return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=_trust(host))


def _trust(host: str) -> ssl.SSLContext:
    """Return how a certificate is verified: not for an address of this machine, which none names."""
    try:
        ours = ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_private
    except ValueError:
        ours = host == "localhost"
    context = ssl.create_default_context()
    if ours:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _body(response: http.client.HTTPResponse, limit: int, deadline: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while size < limit and time.monotonic() < deadline:
        chunk = response.read1(min(65_536, limit - size))
        if not chunk:
            break
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


class Visit:
    """A connection to a server of this machine that stays open while we look who accepted it."""

    def __init__(self, address: str, port: int, *, tls: bool) -> None:
        self._connection = http.client.HTTPConnection(address, port, timeout=_CONNECT)
        self._tls = tls
        self._connection.connect()
        self.port: int = self._connection.sock.getsockname()[1]

    def ask(self, path: str, timeout: float) -> int:
        """Send GET and return the status. Raises OSError when no answer comes in that many seconds."""
        sock = self._connection.sock
        sock.settimeout(timeout)
        if self._tls:
            context = ssl._create_unverified_context()  # noqa: S323, SLF001 - who accepted it is known from the kernel
            self._connection.sock = context.wrap_socket(sock)
            self._tls = False
        try:
            self._connection.request("GET", path, headers={"Accept": "*/*", "Connection": "close"})
            return self._connection.getresponse().status
        except http.client.HTTPException as error:
            raise OSError(errno.EPROTO, f"no HTTP: {type(error).__name__}") from None

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


@contextmanager
def visit(address: str, port: int, *, tls: bool) -> Iterator[Visit]:
    """Connect. Raises OSError."""
    with closing(Visit(address, port, tls=tls)) as made:
        yield made
