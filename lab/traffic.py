"""Clients that never retry and count everything that goes wrong: what a restart costs those who use the app."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

_PAUSE = 0.03  # seconds that a client rests between requests
_LIMIT = 15.0  # seconds that an answer may take
_SERVER_ERROR = 500


@dataclass
class Counts:
    """What became of the requests. `failed` by kind: refused, reset, timeout, or the status of a server error.

    `cut` are requests on a kept connection that the server closed meanwhile: HTTP/1.1 clients retry them
    (RFC 9112, 9.3.1), ours do not. `slowest` in seconds.
    """

    sent: int = 0
    cut: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    @property
    def failures(self) -> int:
        """Return how many requests failed otherwise than by a cut."""
        return sum(self.failed.values())


class Traffic:
    """Clients in a thread of their own: `kept` keep their connection, `fresh` open one for each request."""

    def __init__(
        self, port: int, path: str = "/", *, kept: int = 32, fresh: int = 16, expect: str = ""
    ) -> None:
        self.port, self.path, self.kept, self.fresh = port, path, kept, fresh
        self.expect = expect.encode()
        self.counts = Counts()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _all(self) -> None:
        clients = [self._client(keep=at < self.kept) for at in range(self.kept + self.fresh)]
        await asyncio.gather(*clients)

    async def _client(self, *, keep: bool) -> None:
        stream: _Stream | None = None
        while not self._stop.is_set():
            self.counts.sent += 1
            used = stream is not None
            began = asyncio.get_running_loop().time()
            try:
                stream = stream or await _connected(self.port)
                status, body, stays = await asyncio.wait_for(
                    _asked(stream, self.path, keep=keep), _LIMIT
                )
                if status >= _SERVER_ERROR or self.expect not in body:
                    self.counts.failed[str(status)] += 1
                self.counts.slowest = max(
                    self.counts.slowest, asyncio.get_running_loop().time() - began
                )
            except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
                stays = False
                if used and not isinstance(error, TimeoutError):
                    self.counts.cut += 1
                else:
                    self.counts.failed[_kind(error)] += 1
            if stream is not None and not (stays and keep):
                stream[1].close()
                with suppress(OSError):
                    await stream[1].wait_closed()
                stream = None
            await asyncio.sleep(_PAUSE)
        if stream is not None:
            stream[1].close()


_Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _connected(port: int) -> _Stream:
    return await asyncio.open_connection("127.0.0.1", port)


async def _asked(stream: _Stream, path: str, *, keep: bool) -> tuple[int, bytes, bool]:
    """Return status, body and whether the connection stays."""
    reader, writer = stream
    how = "keep-alive" if keep else "close"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: {how}\r\n\r\n".encode())
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head.split(None, 2)[1])
    length = next(
        (int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), None
    )
    body = await (reader.read() if length is None else reader.readexactly(length))
    return (
        status,
        body,
        length is not None and "connection: close" not in head and head.startswith("http/1.1"),
    )


def _kind(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    return "timeout" if isinstance(error, TimeoutError) else "reset"
