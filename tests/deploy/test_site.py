"""A site through the engine: kept, a release started beside the other, switched to, drained; taken back where it fails."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from deploy.sited import APP, Sited, well

from lab.traffic import Traffic
from lab.waiting import wait_for
from unstale.actions.keep_site import LeaveSite
from unstale.actions.start_release import EndRelease
from unstale.deploy.control import status
from unstale.facts.sockets import sockets_of
from unstale.host import Ident
from unstale.local import LocalHost
from unstale.perform import begin

LOGGED = "canary-Secret-1"


def test_site_is_kept_and_moved_from_release_to_release(sited: Sited) -> None:
    for name in ("r1", "r2", "r3"):
        sited.lay(name)
    env = (("TOLD", LOGGED),)
    assert well(sited.do(sited.keep(), sited.start("r1", env=env), sited.switch("r1")))
    place = str(sited.home.environment("r1"))
    assert sited.page() == {"hello": "r1", "told": LOGGED, "venv": place}
    with Traffic(sited.port, kept=8, fresh=4, expect="hello") as traffic:
        for name, before in (("r2", "r1"), ("r3", "r2")):
            done = sited.do(
                sited.start(name, like=before), sited.switch(name, before), sited.drain(before)
            )
            assert well(done), done
            assert sited.page()["hello"] == name
            assert sited.page()["told"] == LOGGED
        wait_for(lambda: traffic.counts.sent > 2_000)
    assert (traffic.counts.failures, traffic.counts.cut) == (0, 0), traffic.counts
    written = [each for each in sited.facts.project.state.rglob("*") if each.is_file()]
    assert not [each for each in written if LOGGED in each.read_text(errors="replace")]
    orders = list(sited.home.state.glob("*.start.json"))
    assert {each.stat().st_mode & 0o777 for each in orders} == {0o600}


def test_release_that_does_not_start_is_taken_back_with_its_last_lines(sited: Sited) -> None:
    sited.lay("good")
    sited.lay("bad", f"print({LOGGED!r})\nraise RuntimeError('no ' + 'start')\n")
    assert well(sited.do(sited.keep(), sited.start("good"), sited.switch("good")))
    env = (("TOKEN", LOGGED),)
    with Traffic(sited.port, kept=4, fresh=4, expect="good") as traffic:
        (failed,) = sited.do(sited.start("bad", env=env), sited.switch("bad", "good"))
        time.sleep(0.3)
    assert failed.state == "failed"
    assert "RuntimeError: no start" in failed.note
    assert LOGGED not in failed.note
    assert (traffic.counts.failures, traffic.counts.cut) == (0, 0), traffic.counts
    now = status(sited.host, sited.home)
    assert now is not None
    assert (now.serving, now.of("bad")) == ("good", ())
    assert not (sited.home.state / "bad.start.json").exists()


def test_release_that_hangs_is_ended(sited: Sited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unstale.actions.start_release.START", 2.0)
    sited.lay("slow", "import time\ntime.sleep(600)\n")
    *_, failed = sited.do(sited.keep(), sited.start("slow"))
    assert "not up within 2 s" in failed.note
    now = status(sited.host, sited.home)
    assert now is not None
    assert now.workers == ()


def test_listener_of_a_running_server_is_kept(sited: Sited) -> None:
    sited.lay("r1")
    argv = [sys.executable, "-m", "uvicorn", "main:app", "--port", str(sited.port)]
    (sited.root / "main.py").write_text(f"NAME = 'by hand'\n{APP}")
    env = {**os.environ, "TOLD": "by a person"}
    with subprocess.Popen(argv, cwd=sited.root, env=env, stderr=subprocess.DEVNULL) as old:
        wait_for(lambda: answers(sited.port))
        with Traffic(sited.port, kept=8, fresh=4, expect="hello") as traffic:
            time.sleep(0.3)
            actions = (sited.keep(holder(old.pid, sited.port)), sited.start("r1", pid=old.pid))
            assert well(sited.do(*actions, sited.switch("r1")))
            old.terminate()
            assert old.wait(20) is not None
            time.sleep(0.3)
    counts = traffic.counts
    assert (counts.failed["refused"], counts.failed["timeout"]) == (0, 0), counts
    assert counts.cut + counts.failures <= 8 + 4, counts  # once for each open connection, at most
    assert (sited.page()["hello"], sited.page()["told"]) == ("r1", "by a person")


def test_port_of_somebody_else_is_said(sited: Sited) -> None:
    with socket.create_server(("127.0.0.1", sited.port)):
        (failed,) = sited.do(sited.keep())
    assert failed.state == "failed"
    assert "Address already in use" in failed.note
    assert status(sited.host, sited.home) is None


def test_site_that_is_left_serves_nobody(sited: Sited) -> None:
    sited.lay("r1")
    assert well(sited.do(sited.keep(), sited.start("r1"), sited.switch("r1")))
    assert well(sited.do(LeaveSite(str(sited.home.path))))
    assert status(sited.host, sited.home) is None
    assert not answers(sited.port)


def test_switch_is_taken_back_by_its_inverse(sited: Sited) -> None:
    sited.lay("r1")
    sited.lay("r2")
    assert well(sited.do(sited.keep(), sited.start("r1"), sited.switch("r1")))
    assert well(sited.do(sited.start("r2"), sited.switch("r2", "r1")))
    inverse = sited.switch("r2", "r1").inverse(sited.facts, begin(sited.facts, "x").keep(1))
    assert inverse is not None
    assert well(sited.do(inverse, EndRelease(str(sited.home.path), "r2")))
    assert sited.page()["hello"] == "r1"


def test_release_that_serves_is_neither_ended_nor_lost_by_a_failed_end(sited: Sited) -> None:
    sited.lay("r1")
    assert well(sited.do(sited.keep(), sited.start("r1"), sited.switch("r1")))
    (failed,) = sited.do(EndRelease(str(sited.home.path), "r1"))
    assert failed.state == "failed"
    assert "r1 serves" in failed.note
    assert sited.page()["hello"] == "r1"


def test_workers_whose_keeper_died_hand_their_listener_to_a_new_one(sited: Sited) -> None:
    sited.lay("r1")
    assert well(sited.do(sited.keep(), sited.start("r1"), sited.switch("r1")))
    now = status(sited.host, sited.home)
    assert now is not None
    (orphan,) = now.workers
    with Traffic(sited.port, kept=4, fresh=4, expect="hello") as traffic:
        os.kill(now.pid, signal.SIGKILL)
        wait_for(lambda: status(sited.host, sited.home) is None)
        assert well(sited.do(sited.keep(holder(orphan.pid, sited.port))))
        wait_for(lambda: accepting(sited))
        os.kill(orphan.pid, signal.SIGTERM)  # it drains
        wait_for(lambda: gone(orphan.pid))
        time.sleep(0.3)
    assert (traffic.counts.failures, traffic.counts.cut) == (0, 0), traffic.counts
    assert sited.page()["hello"] == "r1"


def holder(pid: int, port: int) -> tuple[int, int, int]:
    """Return the process and the number of its listener."""
    from unstale.actions.lifecycle import ident_of
    from unstale.facts.sockets import listening

    host = LocalHost()
    ident: Ident = ident_of(host, pid)
    inodes = {each.inode for each in listening(host) if each.port == port}
    held = [fds for inode, fds in sockets_of(host, pid).items() if inode in inodes]
    return (ident.pid, ident.ticks, held[0][0])


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def accepting(sited: Sited) -> bool:
    now = status(sited.host, sited.home)
    return now is not None and [each.state for each in now.workers] == ["accepting"]


def gone(pid: int) -> bool:
    return not LocalHost().names("/proc").count(str(pid))
