"""How a server comes by its listener decides how it is renewed: each way, and what is said where it is not taken over."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from conftest import Site
from uv import find_uv_bin

from lab.traffic import Traffic
from lab.waiting import wait_for
from unstale.actions.lifecycle import (
    VARIABLE,
    Start,
    argv_of,
    ident_of,
    spawn,
    startable,
    without_traces,
)
from unstale.actions.restart import Restart
from unstale.actions.takeover import doors_of, hindrance
from unstale.detect import find_project
from unstale.fact import Facts
from unstale.facts.app_processes import AppProcesses
from unstale.facts.environ import environ_of
from unstale.layer import Risk
from unstale.local import LocalHost
from unstale.perform import Outcome, begin, perform
from unstale.plan import Plan, Step

KEPT, FRESH = 4, 2
UVICORN = ("-m", "uvicorn", "app.main:app")

# What the project's own Python is asked to say: what a take-over must not leave behind, and who it is.
TELLING = f"""\
import os, sys
from fastapi import FastAPI
from app.words import GREETING
app = FastAPI()
def listeners():
    inodes = {{line.split()[9] for name in ('tcp', 'tcp6') for line in open('/proc/net/' + name) if line.split()[3] == '0A'}}
    held = []
    for name in os.listdir('/proc/self/fd'):
        try:
            held.append(os.readlink('/proc/self/fd/' + name)[8:-1])
        except OSError:
            pass
    return sum(each in inodes for each in held)
@app.get('/')
def hello():
    return {{'hello': GREETING, 'told': os.environ.get('{VARIABLE}'), 'path': os.environ.get('PYTHONPATH'),
             'shim': any('inherit_listener' in each for each in sys.path), 'own': os.environ.get('OWN_SITE'),
             'listeners': listeners(), 'who': (os.getuid(), os.getgid(), sorted(os.getgroups()))}}
"""


@pytest.fixture(autouse=True)
def _state(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine in this process keeps its journal where the command in its own does."""
    monkeypatch.setenv("XDG_STATE_HOME", str(site.state))


@pytest.fixture
def telling(site: Site) -> Site:
    site.write("app/main.py", TELLING)
    site.commit()
    return site


def restarted(site: Site, *, overlap: bool = True) -> Outcome:
    """Restart the site's one server by the engine, without a finding."""
    host = LocalHost(changing=True)
    facts = Facts(find_project(site.root, host), host)
    (process,) = (each for each in facts.get(AppProcesses).processes if each.leader == each.pid)
    step = Step(Restart(process.pid, process.ticks, process.command, overlap=overlap), ())
    (outcome,) = perform(
        begin(facts, "fix"), Plan((step,)), facts, limit=Risk.DISRUPTIVE, say=lambda _: None
    )
    return outcome


def taken_over(site: Site) -> None:
    """Restart it under load: no connection is refused, nothing is said, one generation is left."""
    before = leader(site)
    environ = _environ(before)
    with Traffic(site.port, kept=KEPT, fresh=FRESH, expect="hello") as traffic:
        time.sleep(0.3)
        outcome = restarted(site)
        time.sleep(0.3)
    assert (outcome.state, outcome.note) == ("done", "")
    assert traffic.counts.failed["refused"] == 0
    assert not [each for each in traffic.counts.failed if each.isdigit()]
    assert traffic.counts.cut <= 2 * KEPT
    after = leader(site)
    assert after != before
    assert _environ(after) == environ


def leader(site: Site) -> int:
    (pid,) = (each["pid"] for each in site.ps() if each["role"] == "server")
    return int(pid)


def _environ(pid: int) -> dict[str, str]:
    """Return what the next restart would start it with."""
    return without_traces(environ_of(LocalHost(), pid))


def clean(site: Site) -> dict[str, object]:
    """Return what the server tells, once nothing of the take-over is in it."""
    told = site.answer()
    assert (told["told"], told["shim"]) == (None, False)
    return dict(told)


def test_server_with_two_listeners_hands_over_both(telling: Site) -> None:
    """`localhost` is 127.0.0.1 and ::1 to asyncio; the second restart finds what the first left."""
    telling.run([sys.executable, *UVICORN, "--host", "localhost", "--port", str(telling.port)])
    wait_for(lambda: telling.answer() is not None)
    both = telling.answer()["listeners"]
    for _ in range(2):
        taken_over(telling)
        assert clean(telling)["listeners"] == both


def test_socket_given_by_number_is_given_again(telling: Site) -> None:
    with socket.create_server(("127.0.0.1", telling.port)) as given:
        argv = [sys.executable, *UVICORN, "--fd", "3"]
        _handed(telling, argv, given)
    before = telling.answer()["listeners"]
    for _ in range(2):
        taken_over(telling)
        told = telling.answer()  # it keeps one empty variable: by it a killed take-over is known
        assert (told["told"], told["shim"], told["path"]) == ("", False, None)
        assert told["listeners"] == before
        assert argv_of(LocalHost(), leader(telling)) == tuple(argv)


def test_sockets_of_systemd_are_given_again(telling: Site) -> None:
    """gunicorn heeds LISTEN_FDS only where LISTEN_PID is its own (sd_listen_fds(3))."""
    telling.write(
        "app/main.py",
        "import os\nfrom app.words import GREETING\ndef app(environ, start):\n"
        "    start('200 OK', [('Content-Type', 'application/json')])\n"
        f"    return [('{{\"hello\": \"' + GREETING + '\", \"told\": ' + ('null' if os.environ.get('{VARIABLE}') is None else '1') + '}}').encode()]\n",
    )
    telling.commit()
    with socket.create_server(("127.0.0.1", telling.port)) as given:
        script = 'export LISTEN_PID=$$; exec "$@"'
        words = [sys.executable, "-m", "gunicorn", "--preload", "app.main:app"]
        _handed(telling, ["/bin/sh", "-c", script, "sh", *words], given, LISTEN_FDS="1")
    old = leader(telling)
    assert restarted(telling).state == "done"
    new = leader(telling)
    assert new != old
    assert _environ(new)["LISTEN_PID"] == str(new)
    assert telling.answer()["hello"] == "one"


def _handed(site: Site, argv: list[str], given: socket.socket, **more: str) -> None:
    """Serve with the socket as descriptor 3, as systemd does."""
    LocalHost(changing=True).spawn(
        tuple(argv),
        cwd=str(site.root),
        env=site.environ(**more),
        stdout=str(site.log),
        stderr=str(site.log),
        inherit={3: given.fileno()},
    )
    wait_for(lambda: site.answer() is not None)


def test_socket_given_by_number_is_never_closed_to_start_anew(telling: Site) -> None:
    """Stopped first, it would have no listener: neither a refusal of the kernel nor a lock may end it."""
    with socket.create_server(("127.0.0.1", telling.port)) as given:
        _handed(telling, [sys.executable, *UVICORN, "--fd", "3"], given)
    old = leader(telling)
    outcome = restarted(telling, overlap=False)
    assert outcome.state == "refused"
    assert outcome.note == (
        "its listener was given to it by whoever started it: start it there again"
    )
    telling.old()
    telling.write("app/words.py", 'GREETING = "two"\n')
    code, said = fixed_where_nothing_is_shared(telling)
    assert code == 1, said
    assert "given to it by whoever started it" in said
    assert leader(telling) == old
    assert telling.answer()["hello"] == "one"


# seccomp(2): the kernel answers pidfd_getfd(2) with EPERM, as Docker's default profile and Yama make it.
SHUT = """\
import ctypes, os, struct, sys
code = [(0x20, 0, 0, 0), (0x15, 0, 1, 438), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
program = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *each) for each in code))
class Filter(ctypes.Structure):
    _fields_ = [('len', ctypes.c_ushort), ('filter', ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Filter(len(code), ctypes.addressof(program)))) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


def fixed_where_nothing_is_shared(site: Site) -> tuple[int, str]:
    """Run `unstale fix --yes` under the filter; return its exit code and its words."""
    done = subprocess.run(
        [sys.executable, "-c", SHUT, sys.executable, "-m", "unstale", "fix", "--yes"],
        cwd=site.root,
        env=site.environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_kernel_that_refuses_to_share_is_said_and_the_server_stopped_and_started(
    site: Site,
) -> None:
    child = site.serve()
    site.old()
    site.write("app/words.py", 'GREETING = "two"\n')
    code, said = fixed_where_nothing_is_shared(site)
    assert code == 0, said
    assert "without a take-over: its listener could not be shared (Operation not permitted)" in said
    assert child.wait(5) is not None
    assert site.answer() == {"hello": "two"}


@pytest.mark.parametrize("flag", ["-I", "-E"])
def test_interpreter_that_heeds_no_variables_is_stopped_and_started(site: Site, flag: str) -> None:
    where = ("--app-dir", str(site.root), "--port", str(site.port))
    site.run([sys.executable, flag, *UVICORN, *where])
    wait_for(lambda: site.answer() is not None)
    outcome = restarted(site)
    assert outcome.state == "done"
    assert outcome.note == (
        f"stopped and started, without a take-over: its interpreter was started with {flag}"
    )
    assert site.answer() == {"hello": "one"}


def test_unix_socket_is_stopped_and_started_and_it_is_said(site: Site) -> None:
    with tempfile.TemporaryDirectory() as short:  # a unix socket's path has 107 bytes at most
        path = f"{short}/s"
        site.run([sys.executable, *UVICORN, "--uds", path])
        wait_for(lambda: _over_unix(path) == 200)
        old = leader(site)
        outcome = restarted(site)
        assert outcome.state == "done"
        assert outcome.note == (
            "stopped and started, without a take-over: it listens on no TCP port"
        )
        wait_for(lambda: _over_unix(path) == 200)
        assert leader(site) != old


def _over_unix(path: str) -> int:
    with suppress(OSError), closing(http.client.HTTPConnection("localhost")) as connection:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(path)
        connection.request("GET", "/")
        return connection.getresponse().status
    return 0


def test_environments_own_sitecustomize_and_path_are_as_before(
    telling: Site, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import os\nos.environ['OWN_SITE'] = __file__\n")
    telling.run([sys.executable, *UVICORN, "--port", str(telling.port)], PYTHONPATH=str(own))
    wait_for(lambda: telling.answer() is not None)
    before = telling.answer()
    assert before["own"] == str(own / "sitecustomize.py")
    for _ in range(2):
        taken_over(telling)
        assert clean(telling) == before


@pytest.mark.parametrize("wrapper", ["sh -c", "uv run"])
def test_server_behind_a_wrapper_is_taken_over(telling: Site, wrapper: str) -> None:
    words = [sys.executable, *UVICORN, "--port", str(telling.port)]
    if wrapper == "sh -c":
        telling.run(["/bin/sh", "-c", '"$@"; echo ended', "sh", *words])
    else:
        telling.run([find_uv_bin(), "run", "--no-project", "--offline", *words])
    wait_for(lambda: telling.answer() is not None)
    taken_over(telling)
    clean(telling)
    assert telling.started[0].wait(10) is not None  # what it wrapped has ended


def test_lock_holder_ends_before_its_successor_starts(site: Site) -> None:
    """The app needs its lock at its start: beside the old one it could not come up."""
    site.write(
        "app/main.py",
        "import contextlib, fcntl\nfrom fastapi import FastAPI\nfrom app.words import GREETING\n"
        "LOCK = open('held', 'w')\n"
        "@contextlib.asynccontextmanager\n"
        "async def locked(app):\n    fcntl.lockf(LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)\n    yield\n"
        "app = FastAPI(lifespan=locked)\n"
        "@app.get('/')\ndef hello(): return {'hello': GREETING}\n",
    )
    site.commit()
    old = site.serve()
    outcome = restarted(site)
    assert outcome.state == "failed"
    assert "the old one was never stopped" in outcome.note
    assert old.poll() is None
    assert leader(site) == old.pid
    outcome = restarted(site, overlap=False)
    assert outcome.state == "done"
    assert outcome.note == "stopped and started, without a take-over: the old one had to end first"
    assert leader(site) != old.pid
    assert site.answer() == {"hello": "one"}


def test_child_that_a_dead_successor_left_is_ended_too(site: Site, tmp_path: Path) -> None:
    """It has the listener, and would go on answering beside the old one."""
    flag = tmp_path / "broken"
    site.write(
        "app/main.py",
        "import os, sys\n"
        f"if os.path.exists({str(flag)!r}) and 'uvicorn' in sys.modules and os.fork():\n    os._exit(3)\n"
        "from fastapi import FastAPI\napp = FastAPI()\n"
        "@app.get('/')\ndef hello(): return {'hello': os.getpid()}\n",
    )
    site.commit()
    old = site.serve()
    flag.touch()
    outcome = restarted(site)
    flag.unlink()
    assert outcome.state == "failed"
    assert "the old one was never stopped" in outcome.note
    assert old.poll() is None
    assert {site.answer()["hello"] for _ in range(20)} == {old.pid}
    assert [each["pid"] for each in site.ps()] == [old.pid]


def test_address_with_several_listeners_is_not_taken_over() -> None:
    """SO_REUSEPORT: a successor that binds once would leave the connections of the others unanswered."""
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as first:
        port = first.getsockname()[1]
        with socket.create_server(("127.0.0.1", port), reuse_port=True):
            host = LocalHost()
            doors = doors_of(host, (ident_of(host, os.getpid()),))
            mine = tuple(each for each in doors if each.port == port)
            assert len(mine) == 2
            start = Start((sys.executable, *UVICORN), "/", {}, "", "", 0, (port,))
            why = hindrance(start, mine)
    assert why == "it listens more than once on one address (SO_REUSEPORT)"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process of another user")
def test_another_users_process_keeps_its_user_and_its_groups(tmp_path: Path) -> None:
    host = LocalHost(changing=True)
    who = {"user": 65534, "group": 65533, "extra_groups": (65531, 65532)}
    with subprocess.Popen(["/bin/sleep", "60"], cwd="/", env={"LANG": "C"}, **who) as old:
        start = startable(host, old.pid, str(tmp_path / "logs"))
        new = spawn(host, start)
        try:
            assert _credentials(new.pid) == _credentials(old.pid)
            assert _credentials(old.pid)["Groups"] == ["65531", "65532"]
        finally:
            host.signal(new, signal.SIGKILL)
            old.kill()


def _credentials(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return {
        name: rest.split()
        for name, _, rest in (line.partition(":") for line in lines)
        if name in ("Uid", "Gid", "Groups")
    }


def test_memory_of_the_start_says_nothing_once_it_runs(site: Site) -> None:
    """It holds the environment, secrets and all, and is emptied when the successor runs."""
    site.serve(SECRET_TOKEN="hunter2-of-a-test")
    assert restarted(site).state == "done"
    state = [each for each in site.state.rglob("*") if each.is_file()]
    assert [each for each in state if each.name == "start.json"]
    assert not [each for each in state if b"hunter2-of-a-test" in each.read_bytes()]
