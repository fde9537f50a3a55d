"""Runs one worker of a release under uvicorn, in the release's own Python: asgi.py SPEC.

SPEC is JSON: {"release", "args" (uvicorn's own, with the app), "listener" and "control" (descriptors), "private" (path
of a unix socket)}. The worker answers on its private socket as soon as the app has started. It accepts from the shared
listener only between "accept" and "stop": an event loop's own server would lose whom it has just accepted when it
closes (https://github.com/python/cpython/issues/109564). Stand-alone: it imports nothing of unstale.
"""

import asyncio
import json
import os
import socket
import sys
import time

import uvicorn
from doorman import Doorman

BURST = 4  # connections that one wake-up accepts, so that workers beside it get theirs
GRACE = 30.0  # seconds to finish after a TERM that no deadline came with
_PAUSE = 1.0  # seconds without accepting when descriptors ran out
_TICK = 0.05  # seconds between two looks at what is left


class Worker:
    """What the worker is and was told: its release, its channel to whoever started it, whether it drains."""

    def __init__(self, spec):
        self.release = spec["release"]
        self.private = spec["private"]
        self.listener = socket.socket(fileno=spec["listener"])
        self.listener.setblocking(False)
        self.control = socket.socket(fileno=spec["control"])
        self.control.setblocking(False)
        self.draining = False
        self.assets = spec.get("assets")

    def tell(self, **words):
        """Send one line; nobody may be there any more."""
        try:
            self.control.send(json.dumps(words).encode() + b"\n")
        except OSError:
            pass


class Gated(uvicorn.Server):
    """uvicorn, with a listener of its own at once and a shared one when it is told."""

    worker = None  # set before uvicorn makes its server

    def __init__(self, config):
        super().__init__(config)
        config.headers = [*config.headers, ("X-Unstale-Release", self.worker.release)]
        self.loop = None
        self.accepting = False
        self.tasks = set()
        self.rest = b""
        self.until = None
        self.cut = {"requests": 0, "streams": 0, "websockets": 0}

    async def _serve(self, sockets=None):
        if not self.config.loaded:
            self.config.load()
        self.doorman = Doorman(self.config.loaded_app, self.worker)
        self.config.loaded_app = self.doorman
        await super()._serve([_private(self.worker.private)])

    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        self.loop = asyncio.get_running_loop()
        self.loop.add_reader(self.worker.control.fileno(), self._told)
        self.worker.tell(**{"is": "ready"})

    def _told(self):
        try:
            got = self.worker.control.recv(65536)
        except BlockingIOError:
            return
        if not got:  # whoever started it is gone: it goes on serving
            self.loop.remove_reader(self.worker.control.fileno())
            return
        *lines, self.rest = (self.rest + got).split(b"\n")
        for line in lines:
            self._do(json.loads(line))

    def _do(self, words):
        if words["do"] == "accept":
            self.worker.draining = False
            self._accept(True)
            self.worker.tell(**{"is": "accepting"})
        elif words["do"] == "stop":
            self._accept(False)
            self.worker.tell(**{"is": "stopped"})
        elif words["do"] == "drain":
            self._accept(False)
            self.worker.draining = True
            self.until = time.monotonic() + words["seconds"]
            if not self.config.http2:
                self.config.encoded_headers.append((b"connection", b"close"))
                self.server_state.default_headers = [
                    *self.server_state.default_headers,
                    (b"connection", b"close"),
                ]
            self.should_exit = True

    def handle_exit(self, sig, frame):
        """Drain where its keeper is gone and a person ends it: nobody is left to say for how long."""
        if self.loop is None:  # the app has not started
            super().handle_exit(sig, frame)
        else:
            self.loop.call_soon_threadsafe(self._do, {"do": "drain", "seconds": GRACE})

    def _accept(self, wanted):
        if wanted != self.accepting:
            self.accepting = wanted
            number = self.worker.listener.fileno()
            if wanted:
                self.loop.add_reader(number, self._come)
            else:
                self.loop.remove_reader(number)

    def _come(self):
        for _ in range(BURST):
            try:
                client, _ = self.worker.listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # out of descriptors: what waits stays in the queue
                self.loop.remove_reader(self.worker.listener.fileno())
                self.accepting = None
                self.loop.call_later(_PAUSE, self._again)
                return
            client.setblocking(False)
            task = self.loop.create_task(self._take(client))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _again(self):
        if self.accepting is None:
            self.accepting = False
            self._accept(True)

    async def _take(self, client):
        try:
            await self.loop.connect_accepted_socket(self._protocol, client, ssl=self.config.ssl)
        except (OSError, ConnectionError):
            client.close()

    def _protocol(self):
        return self.config.http_protocol_class(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    async def shutdown(self, sockets=None):
        """Wait until the last connection has gone by itself, at most until the deadline; cut the rest and count it."""
        self._accept(False)
        for server in self.servers:
            server.close()
        until = self.until if self.until is not None else time.monotonic()
        while (self.tasks or self.server_state.connections) and time.monotonic() < until:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(_TICK)
        for each in self.server_state.connections:
            if "WebSocket" in type(each).__name__:
                self.cut["websockets"] += 1
            elif getattr(each, "cycle", None) is not None and not each.cycle.response_complete:
                self.cut["requests"] += 1
        self.cut["streams"] = min(self.doorman.streams, self.cut["requests"])
        self.cut["requests"] -= self.cut["streams"]
        self.worker.tell(**{"is": "drained", "cut": self.cut})
        self.config.timeout_graceful_shutdown = self.config.timeout_graceful_shutdown or 5
        await super().shutdown(sockets=sockets)


def _private(path):
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if os.path.exists(path):
        os.unlink(path)
    made.bind(path)
    os.chmod(path, 0o600)
    made.listen(64)
    return made


def main():
    with open(sys.argv[1], "rb") as file:
        spec = json.load(file)
    Gated.worker = Worker(spec)
    command = sys.modules["uvicorn.main"]  # the package names its command so, too
    command.Server = Gated
    command.main(spec["args"])


if __name__ == "__main__":
    main()
