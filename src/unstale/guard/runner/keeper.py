"""Keeps a site: owns its listener, starts and ends the workers of its releases, and starts again who dies.

keeper.py HOME RUNTIME DESCRIPTOR: the listener is that descriptor of ours. RUNTIME is a short private directory for
sockets (AF_UNIX paths end at 107 bytes, unix(7)). What serves stands in HOME/state/keeper.json; what starts a release in
HOME/state/RELEASE.start.json (0600: it holds the environment): {"release", "argv", "cwd", "env", "log", "workers",
"spec"}, where SPEC, LISTENER, CONTROL and PRIVATE in argv and spec are filled in for each worker.

Requests come over RUNTIME/keeper.sock, a JSON object a line: status; start, switch, drain and end of a release; down.
Stand-alone, the standard library alone, one thread: a deploy may replace everything else while it runs.
"""

import contextlib
import os
import selectors
import signal
import socket
import sys
import time

from crew import ACK, Crew
from door import opened
from memory import remember, remembered

VERSION = 1


class Keeper:
    """The site: its crew, and what is asked of it."""

    def __init__(self, home, runtime, listener):
        self.home, self.runtime, self.ending = home, runtime, False
        self.selector = selectors.DefaultSelector()
        self.crew = Crew(home, runtime, listener, self.selector)

    def run(self):
        wake, woken = socket.socketpair()
        for each in (wake, woken):
            each.setblocking(False)
        signal.set_wakeup_fd(wake.fileno())
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        self.selector.register(woken, selectors.EVENT_READ, lambda: _drop(woken))
        opened(f"{self.runtime}/keeper.sock", self.selector, self.do)
        self._resume()
        while not (self.ending and not self.crew.workers):
            soonest = min((when for when, _ in self.crew.due), default=None)
            wait = None if soonest is None else max(0.0, soonest - time.monotonic())
            for key, _ in self.selector.select(wait):
                key.data()
            self.crew.reap()
            now = time.monotonic()
            for each in [each for each in self.crew.due if each[0] <= now]:
                self.crew.due.remove(each)
                each[1]()
        with contextlib.suppress(OSError):
            os.unlink(f"{self.runtime}/keeper.sock")
        self.save()

    def _signalled(self, number, _):
        if number != signal.SIGCHLD and not self.ending:
            self.down(30.0)

    def do(self, asked):
        what, release = asked["do"], asked.get("release")
        if what == "status":
            return self.status()
        if what == "start":
            return self.start(release)
        if what == "switch":
            return self.switch(release)
        if what == "drain":
            return self.drain(release, float(asked["seconds"]))
        if what == "end":
            return self.end(release)
        if what == "down":
            return self.down(float(asked.get("seconds", 30.0)))
        return {"ok": False, "why": f"unknown request {what}"}

    def status(self):
        workers = [
            {
                "release": each.release,
                "pid": each.process.pid,
                "state": each.state,
                "private": self.crew.private(each.release, each.number),
                "since": each.since,
            }
            for each in self.crew.workers
        ]
        return {
            "ok": True,
            "version": VERSION,
            "pid": os.getpid(),
            "serving": self.crew.serving,
            "workers": workers,
            "ended": self.crew.ended,
        }

    def start(self, release):
        """Start the workers of a release beside whoever serves; its readiness is seen in the status."""
        if self.crew.of(release):
            return {"ok": False, "why": f"{release} runs already"}
        self.crew.ended.pop(release, None)
        for number in range(self.crew.order(release)["workers"]):
            self.crew.spawn(release, number)
        return {"ok": True, "pids": [each.process.pid for each in self.crew.of(release)]}

    def switch(self, release):
        """Let the old release stop accepting, then the new one begin: no connection meets two of them.

        The queue of the listener holds who comes in between. Who does not stop in time is ended: it must not accept.
        """
        new, old = (
            self.crew.of(release),
            [each for each in self.crew.workers if each.state == "accepting"],
        )
        old = [each for each in old if each.release != release]
        if not new or any(each.state not in ("ready", "stopped", "accepting") for each in new):
            return {"ok": False, "why": f"{release} is not ready"}
        began = time.monotonic()
        for each in old:
            each.tell(do="stop")
        for each in self.crew.awaited(old, "stopped"):
            self.crew.kill(each)
        for each in new:
            each.tell(do="accept")
        if self.crew.awaited(new, "accepting"):
            for each in new:
                each.tell(do="stop")
            for each in old:
                each.tell(do="accept")
            return {"ok": False, "why": f"{release} does not accept"}
        self.crew.serving, self.crew.deaths = release, []
        self.save()
        return {"ok": True, "seconds": time.monotonic() - began}

    def drain(self, release, seconds):
        """Let it finish what it has begun, at most that long; it ends by itself."""
        if release == self.crew.serving and not self.ending:
            return {"ok": False, "why": f"{release} serves"}
        for each in self.crew.of(release):
            each.state = "draining"
            each.tell(do="drain", seconds=seconds)
            pid = each.process.pid
            self.crew.due.append(
                (time.monotonic() + seconds + ACK, lambda pid=pid: self.crew.over(pid))
            )
        return {"ok": True}

    def end(self, release):
        """End a release that does not serve."""
        if release == self.crew.serving:
            return {"ok": False, "why": f"{release} serves"}
        for each in self.crew.of(release):
            each.state = "draining"
            self.crew.kill(each)
        return {"ok": True}

    def down(self, seconds):
        self.ending, self.crew.serving = True, None
        for release in {each.release for each in self.crew.workers}:
            self.drain(release, seconds)
        return {"ok": True}

    def save(self):
        words = {"version": VERSION, "pid": os.getpid(), "runtime": self.runtime}
        remember(self.home, {**words, "serving": self.crew.serving})

    def _resume(self):
        """Start what served when the keeper before us ended."""
        self.crew.serving = remembered(self.home).get("serving")
        if self.crew.serving:
            with contextlib.suppress(FileNotFoundError):
                self.start(self.crew.serving)
        self.save()


def _drop(woken):
    with contextlib.suppress(BlockingIOError):
        woken.recv(4096)


def main():
    home, runtime, listener = sys.argv[1], sys.argv[2], int(sys.argv[3])
    os.set_blocking(listener, False)
    os.makedirs(f"{home}/state", 0o700, exist_ok=True)
    Keeper(home, runtime, listener).run()


if __name__ == "__main__":
    main()
