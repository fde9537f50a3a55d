"""A restart hands the listener over: no connection is refused, and a successor that does not come up costs nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from lab.traffic import Counts, Traffic
from lab.waiting import wait_for
from unstale.actions.lifecycle import SHIM, VARIABLE, without_traces
from unstale.actions.restart import Restart
from unstale.actions.takeover import doors_of, hindrance
from unstale.detect import find_project
from unstale.fact import Facts
from unstale.facts.app_processes import AppProcesses
from unstale.host import Ident
from unstale.layer import Risk
from unstale.local import LocalHost
from unstale.perform import begin, perform
from unstale.plan import Plan, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Site

KEPT, FRESH = 8, 4


@pytest.fixture(autouse=True)
def _beside(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the engine keeps while it runs in this process lies where the command looks."""
    monkeypatch.setenv("XDG_STATE_HOME", str(site.state))


FLASK = "from flask import Flask\nfrom app.words import GREETING\napp = Flask(__name__)\n@app.get('/')\ndef hello(): return {'hello': GREETING}\n"
SERVERS = {
    "uvicorn": "-m uvicorn app.main:app --port PORT",
    "uvicorn --workers": "-m uvicorn app.main:app --port PORT --workers 2",
    "uvicorn on localhost": "-m uvicorn app.main:app --host localhost --port PORT",
    "uvicorn everywhere": "-m uvicorn app.main:app --host 0.0.0.0 --port PORT",
    "gunicorn": "-m gunicorn -w 2 -b 127.0.0.1:PORT app.main:app",
    "gunicorn --preload": "-m gunicorn --preload -w 2 -b 127.0.0.1:PORT app.main:app",
    "flask": "-m flask --app app.main run -p PORT",
}


def started(site: Site, name: str, **more: str) -> subprocess.Popen[bytes]:
    """Serve the site by that server, and let it grow older than its start-up margin."""
    if name.startswith(("gunicorn", "flask")):
        site.write("app/main.py", FLASK)
        site.commit()
    words = SERVERS[name].replace("PORT", str(site.port)).split()
    child = site.run([sys.executable, *words], **more)
    wait_for(lambda: site.answer() is not None)
    site.old()
    return child


def fixed_under_load(site: Site, code: int = 0) -> tuple[Counts, str]:
    """Edit the code and let `fix` restart it while clients ask; return what they saw, and what it said."""
    site.write("app/words.py", 'GREETING = "two"\n')
    with Traffic(site.port, kept=KEPT, fresh=FRESH, expect="hello") as traffic:
        time.sleep(0.5)
        done = site.unstale("fix", "--yes")
        time.sleep(0.5)
    assert done.returncode == code, done.stdout + done.stderr
    return traffic.counts, done.stdout + done.stderr


def nothing_lost(counts: Counts) -> None:
    assert counts.sent > 20 * (KEPT + FRESH)
    assert counts.failed["refused"] == 0
    assert counts.failed["timeout"] == 0
    assert not [each for each in counts.failed if each.isdigit()]
    assert counts.cut + counts.failures <= KEPT + FRESH  # once for each open connection, at most


def leaders(site: Site) -> list[int]:
    return [each["pid"] for each in site.ps() if each["role"] == "server"]


@pytest.mark.parametrize("name", list(SERVERS))
def test_server_is_restarted_and_no_connection_is_refused(site: Site, name: str) -> None:
    old = started(site, name)
    before = (site.ps()[-1]["command"], os.readlink(f"/proc/{old.pid}/cwd"))
    counts, said = fixed_under_load(site)
    nothing_lost(counts)
    assert "without a take-over" not in said
    assert site.answer() == {"hello": "two"}
    (new,) = leaders(site)
    assert (site.ps()[-1]["command"], os.readlink(f"/proc/{new}/cwd")) == before
    assert (new == old.pid) == (name == "gunicorn")  # whose master stays and replaces its workers
    if new != old.pid:
        assert old.wait(5) is not None
    assert os.readlink(f"/proc/{new}/fd/1") == str(site.log)


def test_second_restart_is_like_the_first_and_no_trace_is_left(site: Site) -> None:
    site.write(
        "app/main.py",
        "import os, sys\nfrom fastapi import FastAPI\nfrom app.words import GREETING\napp = FastAPI()\n"
        f"@app.get('/')\ndef hello(): return {{'hello': GREETING, 'told': os.environ.get('{VARIABLE}'), "
        "'path': os.environ.get('PYTHONPATH'), 'sys': [each for each in sys.path if 'inherit' in each]}\n",
    )
    site.commit()
    started(site, "uvicorn", PYTHONPATH="/nowhere")
    for word in ("two", "three"):
        (old,) = leaders(site)
        site.old()
        site.write("app/words.py", f'GREETING = "{word}"\n')
        done = site.unstale("fix", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert site.answer() == {"hello": word, "told": None, "path": "/nowhere", "sys": []}
        assert leaders(site) != [old]
    (new,) = leaders(site)
    raw = Path(f"/proc/{new}/environ").read_bytes().decode()
    environ = dict(pair.split("=", 1) for pair in raw.split("\0") if "=" in pair)
    assert environ["PYTHONPATH"] == f"{SHIM}{os.pathsep}/nowhere"
    assert without_traces(environ)["PYTHONPATH"] == "/nowhere"
    assert VARIABLE not in without_traces(environ)


LINGERING = """\
import signal, threading, time, uvicorn
from fastapi import FastAPI
from app.words import GREETING
app = FastAPI()
@app.on_event("startup")
def later():
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *what: threading.Timer(4, lambda: before(*what)).start())
@app.get("/")
def hello(): return {"hello": GREETING}
"""
BROKEN = {
    "raises at its start": "import os\nraise SystemExit(3)",
    "hangs before it listens": "import time\ntime.sleep(600)",
    "answers with errors": "ERRORS = True",
}


@pytest.mark.parametrize("why", list(BROKEN))
def test_successor_that_does_not_come_up_costs_nothing(
    site: Site, tmp_path: Path, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flag file stands for what only the start itself meets: a port of its own, a full disk, a lock."""
    flag = tmp_path / "broken"
    site.write(
        "app/main.py",
        f"import os\nERRORS = False\nif os.path.exists({str(flag)!r}) and 'uvicorn' in open('/proc/self/cmdline').read():\n"
        + "".join(f"    {line}\n" for line in BROKEN[why].splitlines())
        + "from fastapi import FastAPI, Response\nfrom app.words import GREETING\napp = FastAPI()\n"
        "@app.get('/')\ndef hello(response: Response):\n    response.status_code = 500 if ERRORS else 200\n    return {'hello': GREETING}\n",
    )
    site.commit()
    old = started(site, "uvicorn")
    flag.touch()
    monkeypatch.setattr("unstale.actions.takeover.START", 3.0)
    facts = Facts(find_project(site.root, LocalHost(changing=True)), LocalHost(changing=True))
    (process,) = facts.get(AppProcesses).of("server")
    action = Restart(process.pid, process.ticks, process.command)
    with Traffic(site.port, kept=KEPT, fresh=FRESH, expect="hello") as traffic:
        time.sleep(0.3)
        run = begin(facts, "fix")
        (outcome,) = perform(
            run, Plan((Step(action, ()),)), facts, limit=Risk.DISRUPTIVE, say=lambda _: None
        )
        time.sleep(0.3)
    assert outcome.state == "failed"
    assert "the old one was never stopped" in outcome.note
    assert old.poll() is None
    assert leaders(site) == [old.pid]
    assert (traffic.counts.failed["refused"], traffic.counts.cut) == (0, 0)


def test_listener_that_may_not_be_shared_is_said_and_the_server_stopped_and_started(
    site: Site,
) -> None:
    """An undumpable process may not be traced by another user; root may: then it is shared all the same."""
    facts = Facts(find_project(site.root, LocalHost()), LocalHost())
    started(site, "uvicorn")
    facts = facts.again()
    (process,) = facts.get(AppProcesses).of("server")

    class Shut(LocalHost):
        def taken(self, ident: object, descriptors: object) -> Iterator[tuple[int, ...]]:
            raise PermissionError(1, "Operation not permitted")

    host = Shut(changing=True)
    changing = Facts(facts.project, host)
    action = Restart(process.pid, process.ticks, process.command)
    run = begin(changing, "fix")
    (outcome,) = perform(
        run, Plan((Step(action, ()),)), changing, limit=Risk.DISRUPTIVE, say=lambda _: None
    )
    assert outcome.state == "done"
    assert outcome.note == (
        "stopped and started, without a take-over: its listener could not be shared (Operation not permitted)"
    )
    assert site.answer() == {"hello": "one"}
    assert leaders(site) != [process.pid]


def test_stream_that_never_ends_does_not_keep_the_old_server(site: Site) -> None:
    site.write(
        "app/main.py",
        "import asyncio\nfrom fastapi import FastAPI\nfrom fastapi.responses import StreamingResponse\n"
        "from app.words import GREETING\napp = FastAPI()\n"
        "@app.get('/')\ndef hello(): return {'hello': GREETING}\n"
        "async def ticks():\n    while True:\n        yield 'data: x\\n\\n'\n        await asyncio.sleep(.2)\n"
        "@app.get('/events')\ndef events(): return StreamingResponse(ticks(), media_type='text/event-stream')\n",
    )
    site.commit()
    old = started(site, "uvicorn")
    with socket.create_connection(("127.0.0.1", site.port)) as listener:
        listener.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        assert listener.recv(100)
        site.write("app/words.py", 'GREETING = "two"\n')
        began = time.monotonic()
        done = site.unstale("fix", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert time.monotonic() - began < 25
    assert old.wait(1) is not None
    assert site.answer() == {"hello": "two"}


def test_interpreter_that_heeds_no_variables_is_not_handed_anything(site: Site) -> None:
    from unstale.actions.lifecycle import Start

    door = doors_of(LocalHost(), ())
    assert door == ()
    start = Start(("/v/bin/python", "-I", "-m", "uvicorn", "a:b"), "/", {}, "", "", 0, (8000,))
    assert hindrance(start, ()) == "it listens on no TCP port"
    with socket.create_server(("127.0.0.1", 0)) as server:
        from unstale.actions.lifecycle import ident_of

        mine = doors_of(LocalHost(), (ident_of(LocalHost(), os.getpid()),))
        assert server.getsockname()[1] in {each.port for each in mine}
        assert hindrance(start, mine) == "its interpreter was started with -I"


class Killed(LocalHost):
    """A machine on which our own process is killed before its n-th changing call."""

    def __init__(self, at: int) -> None:
        super().__init__(changing=True)
        self.left = at

    def _require_changing(self, what: str) -> None:
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        super()._require_changing(what)


class KilledAfterTerm(LocalHost):
    """A machine on which our own process is killed when the old server has its TERM."""

    def __init__(self) -> None:
        super().__init__(changing=True)

    def signal(self, ident: Ident, number: int) -> bool:
        done = super().signal(ident, number)
        if number == signal.SIGTERM:
            os.kill(os.getpid(), signal.SIGKILL)
        return done


def killed(site: Site, host: LocalHost) -> None:
    """Restart the site's server in a process of its own, on that machine."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            facts = Facts(find_project(site.root, host), host)
            (process,) = facts.get(AppProcesses).of("server")
            run = begin(facts, "fix")
            step = Step(Restart(process.pid, process.ticks, process.command), ())
            list(perform(run, Plan((step,)), facts, limit=Risk.DISRUPTIVE, say=lambda _: None))
        os._exit(0)
    os.waitpid(child, 0)


def decided(site: Site) -> None:
    """See that one server with the new code serves, that the journal is whole, and that no environment is left."""
    assert site.answer() == {"hello": "two"}
    assert len(leaders(site)) == 1
    assert site.unstale("log", "--verify").returncode == 0
    kept = list(site.state.rglob("start.json"))
    assert [each.read_bytes() for each in kept] == [b""] * len(kept)


@pytest.mark.parametrize("at", range(9))
def test_killed_restart_is_decided_by_the_next_command(site: Site, at: int) -> None:
    started(site, "uvicorn")
    site.write("app/words.py", 'GREETING = "two"\n')
    with Traffic(site.port, kept=KEPT, fresh=FRESH, expect="hello") as traffic:
        killed(site, Killed(at))
        done = site.unstale("fix", "--yes")
        time.sleep(0.3)
    assert done.returncode == 0, done.stdout + done.stderr
    assert traffic.counts.failed["refused"] == 0
    decided(site)


@pytest.mark.parametrize("flag", ["", "-I "])
def test_old_server_that_still_ends_after_the_kill_does_not_cost_its_successor(
    site: Site, flag: str
) -> None:
    """With -I nothing is taken over: the old one was the only one, and its successor is yet to start."""
    site.write("app/main.py", LINGERING)
    site.commit()
    words = f"{flag}-m uvicorn --app-dir . app.main:app --port {site.port}".split()
    old = site.run([sys.executable, *words])
    wait_for(lambda: site.answer() is not None)
    site.old()
    site.write("app/words.py", 'GREETING = "two"\n')
    killed(site, KilledAfterTerm())
    assert old.poll() is None  # it has its TERM, and goes on listening
    now = [] if flag else [each for each in leaders(site) if each != old.pid]
    done = site.unstale("fix", "ENV", "--yes")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert old.wait(5) is not None
    assert not now or leaders(site) == now
    decided(site)


@pytest.fixture(scope="module")
def django(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with Django."""
    place = tmp_path_factory.mktemp("django") / "v"
    uv = find_uv_bin()
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(place)], check=True)
    subprocess.run(
        [uv, "pip", "install", "-q", "--python", f"{place}/bin/python", "django"], check=True
    )
    return place / "bin/python"


@pytest.mark.parametrize("words", [["--noreload"], []])
def test_runserver_hands_over_too(site: Site, django: Path, words: list[str]) -> None:
    subprocess.run([django, "-m", "django", "startproject", "shop", "."], cwd=site.root, check=True)
    view = "from django.http import JsonResponse\nfrom django.urls import path\nurlpatterns = [path('', lambda r: JsonResponse({'hello': WORD}))]\n"
    site.write("shop/urls.py", "WORD = 'one'\n" + view)
    site.write("unstale.toml", f'[backend]\npython = "{django}"\n')
    site.commit()
    site.run([str(django), "manage.py", "runserver", str(site.port), *words])
    wait_for(lambda: site.answer() is not None)
    site.old()
    facts = Facts(find_project(site.root, LocalHost(changing=True)), LocalHost(changing=True))
    (process,) = (each for each in facts.get(AppProcesses).processes if each.leader == each.pid)
    with Traffic(site.port, kept=KEPT, fresh=FRESH, expect="hello") as traffic:
        time.sleep(0.5)
        run = begin(facts, "fix")
        step = Step(Restart(process.pid, process.ticks, process.command), ())
        (outcome,) = perform(run, Plan((step,)), facts, limit=Risk.DISRUPTIVE, say=lambda _: None)
        time.sleep(0.5)
    assert (outcome.state, outcome.note) == ("done", "")
    nothing_lost(traffic.counts)
    assert len(leaders(site)) == 1
    if not words:  # its reloader holds the listener, and each new child takes it again
        site.write("shop/urls.py", "WORD = 'two'\n" + view)
        wait_for(lambda: site.answer() == {"hello": "two"})


def test_journal_says_who_restarted_what(site: Site) -> None:
    started(site, "uvicorn")
    site.write("app/words.py", 'GREETING = "two"\n')
    assert site.unstale("fix", "--yes").returncode == 0
    lines = json.loads(site.unstale("log", "--format", "json").stdout)["lines"]
    assert [each["event"] for each in lines] == ["begin", "intent", "done", "end"]
    assert "action" in lines[1]["data"]
