"""Keeps a site: owns its listener, starts and ends the workers of its releases, and starts again who dies.

keeper.py HOME RUNTIME DESCRIPTOR: the listener is that descriptor of ours. RUNTIME is a short private directory for
sockets (AF_UNIX paths end at 107 bytes, unix(7)). What serves stands in HOME/state/keeper.json; what starts a release in
HOME/state/RELEASE.start.json (0600: it holds the environment): {"release", "argv", "cwd", "env", "log", "workers",
"spec"}, where SPEC, LISTENER, CONTROL and PRIVATE in argv and spec are filled in for each worker.

Requests come over RUNTIME/keeper.sock, a JSON object a line: status; start, switch, drain and end of a release; down.
Stand-alone, the standard library alone, one thread: a deploy may replace everything else while it runs.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time

VERSION = 1
ACK = 5.0
"""Seconds that a worker has to say that it stopped or began to accept."""
BACKOFF = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before a worker that died is started again, by how often it died within CALM seconds."""
CALM = 60.0
_LINE = 1 << 20  # bytes of a request


class Worker:
    """One process of a release. `state`: starting, ready, accepting, stopped, draining, dead."""

    def __init__(self, release, number, process, channel):
        self.release, self.number, self.process, self.channel = release, number, process, channel
        self.state, self.rest, self.cut, self.since = "starting", b"", None, time.time()

    def tell(self, **words):
        with contextlib.suppress(OSError):
            self.channel.send(json.dumps(words).encode() + b"\n")


class Keeper:
    """The site and who serves it. `serving` is the release that accepts, `deaths` when workers of it died."""

    def __init__(self, home, runtime, listener):
        self.home, self.runtime, self.listener = home, runtime, listener
        self.workers, self.serving, self.ending, self.deaths = [], None, False, []
        self.due = []  # (when, what): what is to be done at a time of time.monotonic()
        self.ended = {}  # release → what its workers cut
        self.selector = selectors.DefaultSelector()

    # -- the loop ------------------------------------------------------------------------------------------------

    def run(self):
        wake, woken = socket.socketpair()
        for each in (wake, woken):
            each.setblocking(False)
        signal.set_wakeup_fd(wake.fileno())
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        self.selector.register(woken, selectors.EVENT_READ, lambda: _drop(woken))
        self._listen()
        self._resume()
        while not (self.ending and not self.workers):
            soonest = min((when for when, _ in self.due), default=None)
            wait = None if soonest is None else max(0.0, soonest - time.monotonic())
            for key, _ in self.selector.select(wait):
                key.data()
            self._reap()
            now = time.monotonic()
            for each in [each for each in self.due if each[0] <= now]:
                self.due.remove(each)
                each[1]()
        with contextlib.suppress(OSError):
            os.unlink(f"{self.runtime}/keeper.sock")
        self.save()

    def _signalled(self, number, _):
        if number != signal.SIGCHLD and not self.ending:
            self.down(30.0)

    def _listen(self):
        path = f"{self.runtime}/keeper.sock"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        door.bind(path)
        os.chmod(path, 0o600)
        door.listen(8)
        door.setblocking(False)
        self.selector.register(door, selectors.EVENT_READ, lambda: self._client(door))

    def _client(self, door):
        with contextlib.suppress(OSError):
            client, _ = door.accept()
            client.setblocking(True)
            client.settimeout(ACK)
            self.selector.register(client, selectors.EVENT_READ, lambda: self._asked(client))

    def _asked(self, client):
        """Answer one request; a client that says half a line does not keep the site waiting longer than ACK."""
        answer = {"ok": False, "why": "no request"}
        try:
            line = client.makefile("rb").readline(_LINE)
            if line.strip():
                answer = self.do(json.loads(line))
        except (OSError, ValueError, KeyError, TypeError) as error:
            answer = {"ok": False, "why": f"{type(error).__name__}: {error}"}
        with contextlib.suppress(OSError):
            client.sendall(json.dumps(answer).encode() + b"\n")
        self.selector.unregister(client)
        client.close()

    # -- requests ------------------------------------------------------------------------------------------------

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
                "private": self.private(each.release, each.number),
                "since": each.since,
            }
            for each in self.workers
        ]
        return {
            "ok": True,
            "version": VERSION,
            "pid": os.getpid(),
            "serving": self.serving,
            "workers": workers,
            "ended": self.ended,
        }

    def start(self, release):
        """Start the workers of a release beside whoever serves; its readiness is seen in the status."""
        if self.of(release):
            return {"ok": False, "why": f"{release} runs already"}
        self.ended.pop(release, None)
        for number in range(self.order(release)["workers"]):
            self.spawn(release, number)
        return {"ok": True, "pids": [each.process.pid for each in self.of(release)]}

    def switch(self, release):
        """Let the old release stop accepting, then the new one begin: no connection meets two of them.

        The queue of the listener holds who comes in between. Who does not stop in time is ended: it must not accept.
        """
        new, old = self.of(release), [each for each in self.workers if each.state == "accepting"]
        old = [each for each in old if each.release != release]
        if not new or any(each.state not in ("ready", "stopped", "accepting") for each in new):
            return {"ok": False, "why": f"{release} is not ready"}
        began = time.monotonic()
        for each in old:
            each.tell(do="stop")
        for each in self._await(old, "stopped"):
            self.kill(each)
        for each in new:
            each.tell(do="accept")
        if self._await(new, "accepting"):
            for each in new:
                each.tell(do="stop")
            for each in old:
                each.tell(do="accept")
            return {"ok": False, "why": f"{release} does not accept"}
        self.serving, self.deaths = release, []
        self.save()
        return {"ok": True, "seconds": time.monotonic() - began}

    def drain(self, release, seconds):
        """Let it finish what it has begun, at most that long; it ends by itself."""
        if release == self.serving and not self.ending:
            return {"ok": False, "why": f"{release} serves"}
        for each in self.of(release):
            each.state = "draining"
            each.tell(do="drain", seconds=seconds)
            pid = each.process.pid
            self.due.append((time.monotonic() + seconds + ACK, lambda pid=pid: self.over(pid)))
        return {"ok": True}

    def end(self, release):
        """End a release that does not serve."""
        if release == self.serving:
            return {"ok": False, "why": f"{release} serves"}
        for each in self.of(release):
            each.state = "draining"
            self.kill(each)
        return {"ok": True}

    def down(self, seconds):
        self.ending, self.serving = True, None
        for release in {each.release for each in self.workers}:
            self.drain(release, seconds)
        return {"ok": True}

    # -- workers -------------------------------------------------------------------------------------------------

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

    def _await(self, workers, state):
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

    def _reap(self):
        for worker in [each for each in self.workers if each.process.poll() is not None]:
            self._heard_last(worker)
            self.workers.remove(worker)
            worker.channel.close()
            wanted = worker.release == self.serving and not self.ending
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
            if self.serving == worker.release and not self.ending:
                self.spawn(worker.release, worker.number)

        self.due.append((now + pause, start))

    # -- what outlives us ----------------------------------------------------------------------------------------

    def save(self):
        path = f"{self.home}/state/keeper.json"
        words = {
            "version": VERSION,
            "pid": os.getpid(),
            "serving": self.serving,
            "runtime": self.runtime,
        }
        with open(f"{path}.new", "w", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            json.dump(words, file)
            file.flush()
            os.fsync(file.fileno())
        os.rename(f"{path}.new", path)
        directory = os.open(f"{self.home}/state", os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)

    def _resume(self):
        """Start what served when the keeper before us ended."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            with open(f"{self.home}/state/keeper.json", "rb") as file:
                self.serving = json.load(file)["serving"]
        if self.serving:
            with contextlib.suppress(FileNotFoundError):
                self.start(self.serving)
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
