"""Stands before a release's ASGI app: answers the two health routes that it has not, and counts its streams.

Stand-alone: it imports nothing of unstale.
"""

import json

_READY, _VERSION = "/health/ready", "/health/version"
_STREAM = b"text/event-stream"


class Doorman:
    """Answers the two health routes where the app has none, and names a client that a unix socket has not."""

    def __init__(self, app, worker):
        self.app = app
        self.worker = worker
        self.streams = 0

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope.get("client") is None:  # a unix socket
            scope["client"] = ("127.0.0.1", 0)
        if scope["type"] == "http" and scope["path"] in (_READY, _VERSION):
            await self._health(scope, receive, send)
            return
        await self._counted(scope, receive, send)

    async def _counted(self, scope, receive, send):
        streaming = False

        async def noticed(message):
            nonlocal streaming
            if message["type"] == "http.response.start" and not streaming:
                headers = message.get("headers") or ()
                streaming = any(
                    name.lower() == b"content-type" and value.startswith(_STREAM)
                    for name, value in headers
                )
                self.streams += streaming
            await send(message)

        try:
            await self.app(scope, receive, noticed)
        finally:
            self.streams -= streaming

    async def _health(self, scope, receive, send):
        first, passing = None, False

        async def hold(message):
            nonlocal first, passing
            if first is None:
                first, passing = message, not _no_route(message)
            if passing:
                await send(message)

        await self.app(scope, receive, hold)
        if not passing:
            await self._own(scope, send)

    async def _own(self, scope, send):
        worker, status = self.worker, 200
        if scope["path"] == _READY:
            status = 503 if worker.draining else 200
            words = {"status": "draining" if worker.draining else "ready"}
        else:
            words = {"release": worker.release, "assets": worker.assets}
        body = json.dumps(words).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-unstale-answer", b"runner"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": body})


def _no_route(start):
    """Return whether the app has no such route: it says so, or answers with the page that it answers everything with."""
    if start["type"] != "http.response.start":
        return False
    kind = b"".join(v for k, v in start.get("headers") or () if k.lower() == b"content-type")
    return start["status"] in (404, 405) or kind.startswith(b"text/html")
