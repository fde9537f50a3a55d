"""Logs of real servers: where each is read from, and what in it is an error of this start."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from lab.engine import BASE
from lab.waiting import wait_for
from unstale import codec
from unstale.detect import find_project
from unstale.fact import Facts
from unstale.facts.log_lines import failures, troubles
from unstale.facts.logs import Log, Logs
from unstale.local import LocalHost

if TYPE_CHECKING:
    from conftest import Engine, Site

SECRET = "CaNaRy7x9"
BOOM = """

@app.get("/boom")
def boom(token: str = ""):
    raise ValueError(f"no such role: {token}")
"""
TRACEBACK = """\
Traceback (most recent call last):
  File "/srv/app/main.py", line 12, in boom
    roles[name]
  File "/srv/.venv/lib/python3.11/site-packages/mapping.py", line 3, in __getitem__
    raise KeyError(name)
KeyError: 'admin'
"""
CHAIN = "\nDuring handling of the above exception, another exception occurred:\n\n"
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "/srv/.venv/lib/python3.11/site-packages/anyio.py", line 1, in __aexit__
  |     raise
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/app/main.py", line 12, in boom
    | ValueError: boom
    +------------------------------------
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TRACEBACK, ["KeyError: 'admin' (/srv/app/main.py:12)"]),
        (f"ERROR:    Exception in ASGI application\n{TRACEBACK}", ["KeyError: 'admin' (/srv/app/main.py:12)"]),
        (f"ERROR:    {TRACEBACK}ERROR:    Application startup failed. Exiting.\n", ["KeyError: 'admin' (/srv/app/main.py:12)", "ERROR:    Application startup failed. Exiting."]),
        (f"{TRACEBACK}{CHAIN}{TRACEBACK.replace('12', '14').replace('KeyError:', 'ValueError:')}", ["ValueError: 'admin' (/srv/app/main.py:14)"]),
        (f"{TRACEBACK}[SQL: SELECT 1]\n{CHAIN}{TRACEBACK}", ["KeyError: 'admin' (/srv/app/main.py:12)"]),
        (f"{TRACEBACK}INFO:     fine\n{TRACEBACK}", ["KeyError: 'admin' (/srv/app/main.py:12)"] * 2),
        (GROUP, ["ValueError: boom (/srv/app/main.py:12)"]),
        (f"{GROUP}{CHAIN}{TRACEBACK}", ["KeyError: 'admin' (/srv/app/main.py:12)"]),
        ("[2026-11-24 09:12:03 +0000] [12] [ERROR] Worker (pid:14) exited\n", ["[2026-11-24 09:12:03 +0000] [12] [ERROR] Worker (pid:14) exited"]),
        ("[2026-11-24 10:00:00,123] ERROR in app: Exception on / [GET]\n", ["[2026-11-24 10:00:00,123] ERROR in app: Exception on / [GET]"]),
        (f"Internal Server Error: /x\n{TRACEBACK}", ["KeyError: 'admin' (/srv/app/main.py:12)"]),
        ("2026-11-24 10:00:00,1 - shop.orders - CRITICAL - out\n", ["2026-11-24 10:00:00,1 - shop.orders - CRITICAL - out"]),
        ("[2026-11-24 10:00:00,1: ERROR/MainProcess] Task failed\n", ["[2026-11-24 10:00:00,1: ERROR/MainProcess] Task failed"]),
        ('{"level": "error", "msg": "x"}\n', ['{"level": "error", "msg": "x"}']),
        ("ERROR:root:bad\n", ["ERROR:root:bad"]),
        ('INFO:     127.0.0.1:1 - "GET /ERROR HTTP/1.1" 500 Internal Server Error\n', []),
        ("INFO:     rows with ERROR: 3\n[2026-11-24 INFO] ERROR: none\nTotal ERROR: 0\nno error\n", []),
        ('{"level": "info", "msg": "ERROR"}\nWARNING:  late\n', []),
        (TRACEBACK.replace("KeyError: 'admin'", "KeyboardInterrupt"), []),
        (TRACEBACK.replace("KeyError: 'admin'", "asyncio.exceptions.CancelledError"), []),
    ],
)  # fmt: skip
def test_error_is_one_whatever_the_format(text: str, words: list[str]) -> None:
    assert [each.words for each in troubles(text)] == words


def test_answers_5xx_are_counted_apart() -> None:
    lines = (
        'INFO:     127.0.0.1:1 - "GET /x HTTP/1.1" 500 Internal Server Error',
        '127.0.0.1 - - [24/Nov/2026 10:00:00] "POST /y?q=500 HTTP/1.1" 502 -',
        '[24/Nov/2026 10:00:00] "GET / HTTP/1.1" 200 500',
        'INFO:     127.0.0.1:1 - "GET /500 HTTP/1.1" 404 Not Found',
    )
    assert failures("\n".join(lines)) == 2


@pytest.fixture
def booming(site: Site) -> Site:
    site.write("app/main.py", (site.root / "app/main.py").read_text() + BOOM)
    site.write(".env", f"SECRET_KEY={SECRET}\n")
    return site


def boom(site: Site) -> None:
    from urllib.error import HTTPError

    with pytest.raises(HTTPError):
        urlopen(f"http://127.0.0.1:{site.port}/boom?token={SECRET}", timeout=5)
    wait_for(lambda: "ValueError" in site.log.read_text())  # it is written after the answer


def logs(site: Site) -> tuple[Log, ...]:
    host = LocalHost()
    fact = Facts(find_project(site.root, host), host).get(Logs)
    again = codec.decode(Logs, json.loads(json.dumps(codec.encode(fact))))
    assert again == fact
    return fact.logs


def test_errors_of_a_former_start_are_not_this_ones(booming: Site) -> None:
    booming.log.write_text(f"INFO:     Started server process [1]\nERROR:    old\n{TRACEBACK}")
    booming.serve()
    (log,) = logs(booming)
    assert (log.errors, log.doubtful, log.failures, log.unread) == (0, 0, 0, "")
    assert log.whose == f"read from where pid {booming.started[0].pid} names its start"
    boom(booming)
    (log,) = logs(booming)
    assert (log.errors, log.doubtful, log.failures) == (1, 0, 1)
    assert log.newest[0].startswith("ValueError: no such role: *** (")
    assert log.source == f"tail -c 1000000 {booming.log}"


def test_newest_three_are_shown_newest_first(booming: Site) -> None:
    booming.serve()
    with booming.log.open("a") as log:
        log.writelines(f"ERROR:    number {number}\n" for number in range(5))
    (seen,) = logs(booming)
    assert seen.errors == 5
    assert seen.newest == tuple(f"ERROR:    number {number}" for number in (4, 3, 2))


def test_without_a_line_that_names_the_start_errors_are_doubtful_unless_dated(site: Site) -> None:
    site.log.write_text("ERROR:    of whom\n[2020-01-01 00:00:00 +0000] [1] [ERROR] long ago\n")
    site.serve("--log-level", "critical")
    with site.log.open("a") as log:
        log.write("x\n")
    (seen,) = logs(site)
    assert (seen.errors, seen.doubtful) == (0, 1)
    assert seen.whose.startswith("the whole file was read: no line names the start")
    with site.log.open("a") as log:
        log.write("[2099-01-01 00:00:00 +0000] [1] [ERROR] since\n")
    (seen,) = logs(site)
    assert (seen.errors, seen.doubtful) == (1, 1)


def test_file_that_nobody_wrote_since_the_start_tells_nothing_of_it(site: Site) -> None:
    site.log.write_text("ERROR:    of another\n")
    site.serve("--log-level", "critical")
    os.utime(site.log, (0, 0))
    (seen,) = logs(site)
    assert (seen.errors, seen.doubtful, seen.whose) == (
        0,
        0,
        "nothing was written since it started",
    )


def test_only_the_last_of_a_large_log_is_read(site: Site) -> None:
    site.serve()
    with site.log.open("a") as log:
        log.write("ERROR:    early\n" + "INFO:     fine\n" * 80_000 + "ERROR:    late\n")
    (seen,) = logs(site)
    assert (seen.errors, seen.doubtful, seen.newest) == (0, 1, ("ERROR:    late",))
    assert seen.whose.startswith("the last 1 MB was read")


def test_log_that_was_deleted_is_read_where_the_server_holds_it(booming: Site) -> None:
    booming.serve()
    boom(booming)
    booming.log.unlink()
    (seen,) = logs(booming)
    assert seen.errors == 1
    assert seen.source == f"tail -c 1000000 /proc/{booming.started[0].pid}/fd/1"


def test_open_log_file_beside_the_output_is_read_too(site: Site) -> None:
    handler = 'import logging\nlogging.basicConfig(filename="own.log", level="INFO")\nlogging.error("bad")\n'
    site.write("app/words.py", f'{handler}GREETING = "one"\n')
    site.serve()
    (seen,) = (each for each in logs(site) if each.source.endswith("/own.log"))
    assert seen.newest == ("ERROR:root:bad",)


@pytest.mark.parametrize("kind", ["terminal", "pipe", "nothing"])
def test_what_keeps_nothing_is_not_checked_and_says_why(site: Site, kind: str) -> None:
    ends = {
        "terminal": pty.openpty,
        "pipe": os.pipe,
        "nothing": lambda: (os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_WRONLY)),
    }[kind]()
    argv = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(site.port)]
    out = ends[1]
    child = subprocess.Popen(
        argv, cwd=site.root, env=site.environ(), stdin=subprocess.DEVNULL, stdout=out, stderr=out
    )
    site.started.append(child)
    wait_for(lambda: site.answer() is not None)
    (seen,) = logs(site)
    words = {"terminal": "a terminal", "pipe": "a pipe", "nothing": "thrown away"}
    assert words[kind] in seen.unread
    assert (seen.errors, seen.started_at) == (0, None)
    for each in ends:
        os.close(each)


_SAYS = """
services:
  web:
    image: {image}
    environment:
      SECRET_KEY: {secret}
    command: ["sh", "-c", "echo fine; echo 'ERROR:    boom {secret}' >&2; exec sleep 600"]
"""


@pytest.fixture
def composed(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    root = tmp_path / "saying"
    root.mkdir()
    (root / "compose.yaml").write_text(_SAYS.format(image=BASE, secret=SECRET))
    for key, value in engine.environ.items():
        monkeypatch.setenv(key, value)
    engine.run("docker-compose", "up", "-d", cwd=root)
    yield root
    engine.run("docker-compose", "down", "-t", "0", cwd=root)


@pytest.mark.docker
def test_container_is_read_from_its_own_start(composed: Path, engine: Engine) -> None:
    host = LocalHost()

    def seen() -> Log:
        (log,) = Facts(find_project(composed, host), host).get(Logs).logs
        return log

    wait_for(lambda: seen().errors == 1)
    assert seen().newest == ("ERROR:    boom ***",)
    assert "(service web)" in seen().subject
    name = seen().source.rpartition(" ")[2]
    engine.run("docker", "restart", "-t", "0", name)
    wait_for(lambda: seen().errors > 0)
    assert seen().errors == 1
    shown = engine.run(*seen().source.split())
    assert "boom" in shown.stdout + shown.stderr


@pytest.mark.parametrize("words", [("--workers", "2"), ("--reload",)])
def test_workers_and_a_reloader_name_the_start_of_their_leader(
    site: Site, words: tuple[str, ...]
) -> None:
    child = site.serve(*words)
    (seen,) = logs(site)
    assert seen.whose == f"read from where pid {child.pid} names its start"


WSGI = """\
def app(environ, start_response):
    if environ["PATH_INFO"] == "/boom":
        raise ValueError("no such role")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b"{}"]
"""


def test_gunicorn_names_its_start_and_dates_its_errors(site: Site) -> None:
    site.log.write_text("[2020-01-01 00:00:00 +0000] [1] [ERROR] long ago\nERROR: of whom\n")
    site.write("app/wsgi.py", WSGI)
    argv = [sys.executable, "-m", "gunicorn", "app.wsgi:app", "--bind", f"127.0.0.1:{site.port}"]
    child = site.run(argv)
    wait_for(lambda: site.answer() == {})
    (seen,) = logs(site)
    assert (seen.errors, seen.doubtful) == (0, 0)
    assert seen.whose == f"read from where pid {child.pid} names its start"
    site.answer("/boom")
    wait_for(lambda: "ValueError" in site.log.read_text())
    (seen,) = logs(site)
    assert seen.errors == 1
    assert seen.newest[0].startswith("ValueError: no such role (")
    assert seen.newest[0].endswith("app/wsgi.py:3)")
