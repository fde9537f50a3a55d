"""The workers of a site: starts them, hears what they say, ends them, and starts again who died while it served.

Stand-alone, the standard library alone.
"""

import contextlib
import json
import os
import selectors
import socket
import subprocess
import time

ACK = 5.0
"""Seconds that a worker has to say that it stopped or began to accept."""
BACKOFF = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before a worker that died is started again, by how often one died within CALM seconds."""
CALM = 60.0


class Worker:
    """One process of a release. `state`: starting, ready, accepting, stopped, draining."""

    def __init__(self, release, number, process, channel):
        self.release, self.number, self.process, self.channel = release, number, process, channel
        self.state, self.rest, self.cut, self.since = "starting", b"", None, time.time()

    def tell(self, **words):
        with contextlib.suppress(OSError):
            self.channel.send(json.dumps(words).encode() + b"\n")


class Crew:
    """Who works. `serving` is the release that accepts; `due` what is to be done at a time of time.monotonic()."""

    def __init__(self, home, runtime, listener, selector):
        self.home, self.runtime, self.listener, self.selector = home, runtime, listener, selector
        self.workers, self.serving, self.deaths, self.due = [], None, [], []
        self.ended = {}  # release: what its workers cut

    def of(self, release):
        return [each for each in self.workers if each.release == release]

    def order(self, release):
        with open(f"{self.home}/state/{release}.start.json", "rb") as file:
            return json.load(file)

    def private(self, release, number):
        return f"{self.runtime}/{release}.{number}.sock"

    def spawn(self, release, number):
        order = self.order(release)
        ours, theirs = socket.socketpair()
        filled = {
            "LISTENER": self.listener,
            "CONTROL": theirs.fileno(),
            "PRIVATE": self.private(release, number),
            "SPEC": f"{self.runtime}/{release}.{number}.json",
        }
        with open(filled["SPEC"], "w", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            json.dump(
                {
                    k: filled.get(v, v) if isinstance(v, str) else v
                    for k, v in order["spec"].items()
                },
                file,
            )
        with open(order["log"], "ab", opener=lambda p, f: os.open(p, f, 0o600)) as log:
            process = subprocess.Popen(
                [str(filled.get(word, word)) for word in order["argv"]],
                cwd=order["cwd"],
                env=order["env"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self.listener, theirs.fileno()),
            )
        theirs.close()
        ours.setblocking(False)
        worker = Worker(release, number, process, ours)
        self.workers.append(worker)
        self.selector.register(ours, selectors.EVENT_READ, lambda: self._heard(worker))

    def _heard(self, worker):
        try:
            got = worker.channel.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        if not got:
            with contextlib.suppress(KeyError):
                self.selector.unregister(worker.channel)
            return
        *lines, worker.rest = (worker.rest + got).split(b"\n")
        for line in lines:
            said = json.loads(line)
            if said["is"] == "drained":
                worker.cut = said["cut"]
            elif worker.state != "draining":
                worker.state = said["is"]
            if said["is"] == "ready" and worker.release == self.serving:
                worker.tell(do="accept")  # it died and was started again

    def awaited(self, workers, state):
        """Wait for that state; return who is not there within ACK seconds."""
        until = time.monotonic() + ACK
        left = [each for each in workers if each.state != state]
        while left and time.monotonic() < until:
            with selectors.DefaultSelector() as one:
                for each in left:
                    one.register(each.channel, selectors.EVENT_READ, each)
                for key, _ in one.select(until - time.monotonic()):
                    self._heard(key.data)
            left = [each for each in left if each.state != state and each.process.poll() is None]
        return left

    def kill(self, worker):
        with contextlib.suppress(ProcessLookupError):
            worker.process.kill()

    def over(self, pid):
        for each in self.workers:
            if each.process.pid == pid:
                self.kill(each)

    def reap(self):
        for worker in [each for each in self.workers if each.process.poll() is not None]:
            self._heard_last(worker)
            self.workers.remove(worker)
            worker.channel.close()
            wanted = worker.release == self.serving
            cut = self.ended.setdefault(
                worker.release, {"requests": 0, "streams": 0, "websockets": 0}
            )
            for name in cut:
                cut[name] += (worker.cut or {}).get(name, 0)
            if worker.state == "starting" and not wanted:
                cut["exit"] = worker.process.returncode
            if wanted:
                self._again(worker)

    def _heard_last(self, worker):
        with contextlib.suppress(OSError, ValueError):
            self._heard(worker)
        with contextlib.suppress(KeyError):
            self.selector.unregister(worker.channel)

    def _again(self, worker):
        now = time.monotonic()
        self.deaths = [each for each in self.deaths if now - each < CALM] + [now]
        pause = BACKOFF[min(len(self.deaths), len(BACKOFF)) - 1]

        def start():
            if self.serving == worker.release:
                self.spawn(worker.release, worker.number)

        self.due.append((now + pause, start))
