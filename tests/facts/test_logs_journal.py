"""What a unit wrote is read from the journal: a real systemd with a real journald, in namespaces of its own."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lab.systemd import Systemd
from lab.waiting import wait_for
from unstale.answers import Ran
from unstale.errors import Unavailable
from unstale.facts.app_process import AppProcess
from unstale.facts.log_sources import in_journal
from unstale.layer import Standing

if TYPE_CHECKING:
    from conftest import Site

BOOM = """

@app.get("/boom")
def boom():
    raise ValueError("no such role")
"""
SOCKET = """\
[Unit]
DefaultDependencies=no
[Socket]
ListenStream=/run/systemd/journal/stdout
ListenDatagram=/run/systemd/journal/socket
ListenDatagram=/run/systemd/journal/dev-log
PassCredentials=yes
"""
JOURNALD = """\
Type=notify
ExecStart=/lib/systemd/systemd-journald
Sockets=systemd-journald.socket
"""


@pytest.fixture
def journaled(systemd: Systemd) -> Systemd:
    (systemd.units / "systemd-journald.socket").write_text(SOCKET)
    systemd.run("systemctl", "daemon-reload")
    systemd.run("systemctl", "start", "systemd-journald.socket")
    systemd.serve("systemd-journald", JOURNALD)
    return systemd


def serve(systemd: Systemd, site: Site) -> None:
    site.write("app/main.py", (site.root / "app/main.py").read_text() + BOOM)
    argv = f"{sys.executable} -m uvicorn app.main:app --port {site.port}"
    systemd.serve("web", f"ExecStart={argv}\nWorkingDirectory={site.root}")
    wait_for(lambda: site.answer() is not None)


def point(systemd: Systemd, site: Site) -> dict[str, Any]:
    argv = (sys.executable, "-m", "unstale", "checklist", "--format", "json")
    done = systemd.run(*argv, cwd=site.root, env=site.environ())
    (found,) = (each for each in json.loads(done.stdout)["points"] if each["point"] == "logs")
    return dict(found)


def test_errors_of_this_run_of_the_unit_are_found(site: Site, journaled: Systemd) -> None:
    serve(journaled, site)
    assert point(journaled, site)["state"] == "verified"
    site.answer("/boom")
    wait_for(lambda: point(journaled, site)["state"] == "failed")
    (failure,) = point(journaled, site)["failures"]
    (newest,) = failure["evidence"]
    assert newest["value"].startswith("ValueError: no such role (")
    assert "ValueError: no such role" in journaled.run(*newest["source"].split()).stdout
    journaled.run("systemctl", "restart", "web")
    wait_for(lambda: site.answer() is not None)
    found = point(journaled, site)
    assert found["state"] == "verified"
    assert "read from the start of web.service" in found["evidence"][0]["value"]


def test_unit_without_a_journal_is_not_checked(site: Site, systemd: Systemd) -> None:
    serve(systemd, site)
    found = point(systemd, site)
    assert found["state"] == "not_checked"
    assert "thrown away (/dev/null)" in found["why"]


class Said:
    """A host on which systemd names a run, and journalctl answers this."""

    def __init__(self, *answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[str, ...]] = []

    def run(self, argv: tuple[str, ...]) -> Ran:
        self.asked.append(argv)
        known = {"InvocationID": "4f2a", "MainPID": "4711"}
        if argv[0] == "systemctl":
            return Ran(argv, 0, known[argv[3 if argv[1] == "show" else 4]] + "\n", "")
        return Ran(argv, *self.answer)

    def readlink(self, path: str) -> str:
        raise AssertionError(path)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((0, "-- No entries --\n", ""), "it holds nothing of this run"),
        ((0, "-- No entries --\n", "Hint: You are currently not seeing messages from other users\n"), "Hint: You are currently not seeing messages from other users"),
        ((1, "", "No journal files were opened due to insufficient permissions.\n"), "No journal files were opened due to insufficient permissions."),
    ],
)  # fmt: skip
def test_journal_that_shows_nothing_is_unknown(answer: Any, why: str) -> None:
    with pytest.raises(Unavailable) as raised:
        in_journal(Said(*answer), process(), "/system.slice/web.service")
    assert raised.value.why == why
    assert raised.value.next.startswith("journalctl _SYSTEMD_INVOCATION_ID=4f2a")


def test_only_the_end_of_a_large_journal_is_judged() -> None:
    host = Said(0, "ERROR: early\n" + "INFO: fine\n" * 100_000 + "ERROR: late\n", "")
    written = in_journal(host, process(), "/system.slice/web.service")
    assert written.certain
    assert written.whose.startswith("the last of it read")
    assert "early" not in written.text
    assert written.text.endswith("ERROR: late\n")
    assert host.asked[-1][-2:] == ("-n", "20000")


def process() -> AppProcess:
    more = dict.fromkeys(("app", "prefix", "backend"), None)
    texts = {
        "role": "server",
        "program": "uvicorn",
        "command": "uvicorn",
        "cwd": "/srv",
        "owner": "systemd:web.service",
    }
    flags = {"reload": False, "cwd_gone": False, "ports": (), "standing": Standing.OURS}
    numbers = {"pid": 4711, "ticks": 1, "ppid": 1, "leader": 4711, "uid": 0}
    return AppProcess(
        started_at=datetime(2026, 11, 24, tzinfo=UTC), **more, **texts, **flags, **numbers
    )
