"""The keeper hands a listener from release to release: nobody is refused, reset or cut without being counted."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy.kept import Kept

from lab.traffic import Traffic
from lab.waiting import wait_for

APP = """\
import asyncio
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import HTMLResponse, StreamingResponse
app = FastAPI()
@app.get("/")
async def home(request: Request): return {"hello": NAME, "client": request.client.host, "scheme": request.url.scheme}
@app.get("/slow")
async def slow():
    await asyncio.sleep(1)
    return {"hello": NAME}
@app.get("/endless")
async def endless():
    await asyncio.sleep(600)
@app.get("/events")
async def events():
    async def ticks():
        while True:
            yield "data: x\\n\\n"
            await asyncio.sleep(.1)
    return StreamingResponse(ticks(), media_type="text/event-stream")
"""
OWN = """\
@app.get("/health/ready")
async def ready(): return {"mine": True}
"""
PAGE = """\
@app.get("/{path:path}")
async def page(path: str): return HTMLResponse("<html>the page of everything</html>")
"""
HANDOVERS = 10


def source(name: str, more: str = "") -> str:
    return f"NAME = {name!r}\n{APP}{more}"


def answered(line: socket.socket) -> bytes:
    """Return a whole answer in lower case: it may come in pieces."""
    said = b""
    while b"}" not in said:
        said += line.recv(9999)
    return said.lower()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path)
    made.begin()
    yield made
    made.end()


@pytest.mark.parametrize("workers", [1, 2])
def test_no_request_fails_over_many_hand_overs(kept: Kept, workers: int) -> None:
    for at in range(HANDOVERS + 1):
        kept.release(f"r{at}", source(f"r{at}"), workers=workers)
    kept.serve("r0")
    cut = []
    with Traffic(kept.port, expect="hello") as traffic:
        for at in range(1, HANDOVERS + 1):
            kept.serve(f"r{at}")
            assert json.loads(kept.page()[2])["hello"] == f"r{at}"
            cut.append(kept.drained(f"r{at - 1}"))
        wait_for(lambda: traffic.counts.sent > 3_000)
    assert (traffic.counts.failures, traffic.counts.cut) == (0, 0), traffic.counts
    assert {number for each in cut for number in each.values()} == {0}
    assert json.loads((kept.state / "keeper.json").read_text())["serving"] == f"r{HANDOVERS}"


def test_release_that_does_not_start_never_meets_a_request(kept: Kept) -> None:
    kept.release("good", source("good"))
    kept.release("bad", "import nowhere\n")
    kept.serve("good")
    (old,) = kept.workers()
    with Traffic(kept.port, kept=4, fresh=4, expect="good") as traffic:
        assert not kept.ready("bad")
        assert not kept.ask("switch", "bad")["ok"]
        time.sleep(0.3)
    assert (traffic.counts.failures, traffic.counts.cut) == (0, 0), traffic.counts
    assert kept.workers() == [old]
    assert kept.ask("status")["ended"]["bad"]["exit"] != 0
    assert "nowhere" in kept.log.read_text()


def test_request_that_was_begun_is_answered_by_the_old_release(kept: Kept) -> None:
    kept.release("one", source("one"))
    kept.release("two", source("two"))
    kept.serve("one")
    said: list[bytes] = []
    slow = threading.Thread(target=lambda: said.append(kept.page("/slow")[2]))
    slow.start()
    time.sleep(0.3)
    kept.serve("two")
    assert kept.drained("one") == {"requests": 0, "streams": 0, "websockets": 0}
    slow.join()
    assert json.loads(said[0]) == {"hello": "one"}


def test_idle_connection_is_told_to_close_with_its_next_answer(kept: Kept) -> None:
    kept.release("one", source("one"), "--timeout-keep-alive", "60")
    kept.release("two", source("two"))
    kept.serve("one")
    with socket.create_connection(("127.0.0.1", kept.port), timeout=10) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"connection: close" not in answered(line)
        kept.serve("two")
        assert kept.ask("drain", "one", seconds=20)["ok"]
        time.sleep(0.3)
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        said = answered(line)
        assert b'"one"' in said
        assert b"connection: close" in said
    wait_for(lambda: not kept.workers("one"), timeout=10)


def test_what_the_deadline_cuts_is_counted_by_kind(kept: Kept) -> None:
    kept.release("one", source("one"))
    kept.release("two", source("two"))
    kept.serve("one")
    lines = []
    for path in ("/endless", "/events", "/events"):
        line = socket.create_connection(("127.0.0.1", kept.port))
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        lines.append(line)
    time.sleep(0.5)
    kept.serve("two")
    began = time.monotonic()
    assert kept.drained("one", 1.0) == {"requests": 1, "streams": 2, "websockets": 0}
    assert time.monotonic() - began < 15
    for each in lines:
        each.close()


def test_worker_that_dies_is_started_again_and_nobody_is_refused(kept: Kept) -> None:
    kept.release("one", source("one"), workers=2)
    kept.serve("one")
    with Traffic(kept.port, kept=4, fresh=4, expect="hello") as traffic:
        time.sleep(0.3)
        for _ in range(2):
            dead = [each["pid"] for each in kept.workers()]
            for each in dead:
                os.kill(each, signal.SIGKILL)
            wait_for(
                lambda dead=dead: (
                    [each["state"] for each in kept.workers() if each["pid"] not in dead]
                    == ["accepting"] * 2
                )
            )
            time.sleep(0.3)
    assert "refused" not in traffic.counts.failed
    assert "timeout" not in traffic.counts.failed
    assert kept.page()[0] == 200


def test_worker_that_dies_again_and_again_waits_longer(kept: Kept) -> None:
    kept.release("one", source("one"))
    kept.serve("one")
    kept.release("one", "import nowhere\n")  # what is started next fails
    os.kill(kept.workers()[0]["pid"], signal.SIGKILL)
    time.sleep(6)
    assert 2 <= kept.log.read_text().count("nowhere") / 2 <= 8
    assert kept.ask("status")["serving"] == "one"


def test_workers_go_on_without_their_keeper(kept: Kept) -> None:
    kept.release("one", source("one"))
    kept.serve("one")
    pids = [each["pid"] for each in kept.workers()]
    assert kept.keeper is not None
    with Traffic(kept.port, kept=4, fresh=4, expect="hello") as traffic:
        kept.keeper.kill()
        kept.keeper.wait()
        time.sleep(0.5)
    assert (traffic.counts.failures, traffic.counts.cut) == (0, 0), traffic.counts
    for each in pids:
        os.kill(each, signal.SIGKILL)


def test_keeper_that_comes_back_starts_what_served(kept: Kept) -> None:
    kept.release("one", source("one"))
    kept.serve("one")
    assert kept.keeper is not None
    (worker,) = kept.workers()
    kept.keeper.kill()
    kept.keeper.wait()
    os.kill(worker["pid"], signal.SIGKILL)
    time.sleep(0.3)
    (kept.runtime / "keeper.sock").unlink()
    kept.begin()
    wait_for(lambda: [each["state"] for each in kept.workers()] == ["accepting"])
    assert kept.page()[0] == 200


def test_down_ends_everything_and_serves_nothing_again(kept: Kept) -> None:
    kept.release("one", source("one"))
    kept.serve("one")
    assert kept.ask("down", seconds=2)["ok"]
    assert kept.keeper is not None
    assert kept.keeper.wait(20) == 0
    assert json.loads((kept.state / "keeper.json").read_text())["serving"] is None
    with pytest.raises(OSError, match="refused"):
        kept.page()


def test_who_serves_is_neither_ended_nor_drained(kept: Kept) -> None:
    kept.release("one", source("one"))
    kept.serve("one")
    for words in ({"what": "end"}, {"what": "drain", "seconds": 1}):
        assert kept.ask(release="one", **words)["why"] == "one serves"
    assert kept.page()[0] == 200


@pytest.mark.parametrize("line", ["", "{", '{"do": "dance"}', '{"do": "start"}', "[]", "7"])
def test_request_that_is_none_is_answered_and_harms_nothing(kept: Kept, line: str) -> None:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(kept.runtime / "keeper.sock"))
        asking.sendall(line.encode() + b"\n")
        assert json.loads(asking.makefile().readline())["ok"] is False
    assert kept.ask("status")["ok"]


def test_routes_that_the_app_has_not_are_answered_for_it(kept: Kept) -> None:
    kept.release("one", source("one"))
    kept.release("own", source("own", OWN))
    kept.release("page", source("page", PAGE))
    kept.serve("one")
    status, headers, body = kept.page("/health/version")
    assert (status, json.loads(body)) == (200, {"release": "one", "assets": None})
    assert (headers["x-unstale-release"], headers["cache-control"]) == ("one", "no-store")
    assert json.loads(kept.page("/health/ready")[2]) == {"status": "ready"}
    kept.serve("own")
    assert json.loads(kept.page("/health/ready")[2]) == {"mine": True}
    assert json.loads(kept.page("/health/version")[2])["release"] == "own"
    kept.serve("page")
    assert json.loads(kept.page("/health/ready")[2]) == {"status": "ready"}
    assert b"page of everything" in kept.page("/anything")[2]


def test_health_route_that_raises_is_an_error_and_not_answered_for_it(kept: Kept) -> None:
    """An app without a framework: whoever raises has not said that there is no such route."""
    raising = "async def app(scope, receive, send): raise RuntimeError('no database')\n"
    kept.release("raising", raising, "--lifespan", "off")
    assert kept.ready("raising")
    assert kept.private("raising", "/health/ready").startswith("500 ")


def test_worker_that_is_told_to_end_while_it_starts_ends(kept: Kept) -> None:
    slow = "import asyncio\n@app.on_event('startup')\nasync def wait(): await asyncio.sleep(2)\n"
    kept.release("slow", source("slow", slow))
    assert kept.ask("start", "slow")["ok"]
    wait_for(lambda: "Waiting for application startup" in kept.log.read_text())
    os.kill(kept.workers("slow")[0]["pid"], signal.SIGTERM)
    wait_for(lambda: not kept.workers("slow"), timeout=20)
    assert "AttributeError" not in kept.log.read_text()


def test_private_socket_answers_before_the_site_does(kept: Kept) -> None:
    kept.release("one", source("one"))
    assert kept.ready("one")
    assert kept.private("one", "/").startswith('200 {"hello":"one","client":"127.0.0.1"')
    kept.release("two", source("two"))
    kept.serve("two")
    assert json.loads(kept.page()[2])["hello"] == "two"
    assert kept.ask("end", "one")["ok"]
    wait_for(lambda: not kept.workers("one"))


def test_flags_of_the_server_hold(kept: Kept) -> None:
    kept.release("one", source("one"), "--proxy-headers", "--header", "X-Mine:yes")
    kept.serve("one")
    asked = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    _, headers, body = kept.page("/", **asked)
    said = json.loads(body)
    assert (said["client"], said["scheme"]) == ("203.0.113.9", "https")
    assert headers["x-mine"] == "yes"
