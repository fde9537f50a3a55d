"""Real imports behind the real kernel barrier."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import unstale.guard

SCRIPT = Path(unstale.guard.__file__).parent / "import_guard.py"

MODELS = """
from sqlalchemy import Column, Enum, Integer, MetaData, Table
metadata = MetaData()
Table("user", metadata, Column("id", Integer, primary_key=True), Column("role", Enum("A", "B", name="role")))
"""

ATTEMPTS = {
    "open": "open(HERE + '/made', 'w')",
    "os.open": "os.open(HERE + '/made', os.O_CREAT | os.O_WRONLY)",
    "libc open": "assert libc.open((HERE + '/made').encode(), 0o101, 0o600) >= 0",
    "libc creat": "assert libc.creat((HERE + '/made').encode(), 0o600) >= 0",
    "append": "open(HERE + '/victim', 'a').write('x')",
    "truncate": "os.truncate(HERE + '/victim', 0)",
    "mkdir": "os.mkdir(HERE + '/made')",
    "rename": "os.rename(HERE + '/victim', HERE + '/made')",
    "unlink": "os.unlink(HERE + '/victim')",
    "libc unlink": "assert libc.unlink((HERE + '/victim').encode()) == 0",
    "chmod": "os.chmod(HERE + '/victim', 0o777)",
    "utime": "os.utime(HERE + '/victim', (1, 1))",
    "symlink": "os.symlink('/', HERE + '/made')",
    "subprocess": "subprocess.run(['touch', HERE + '/made'], check=True)",
    "os.system": "assert os.system('true') == 0",
    "posix_spawn": "os.posix_spawn('/bin/touch', ['touch', HERE + '/made'], {})",
    "fork": "os.fork() or os._exit(0)",
    "execv": "os.execv('/bin/touch', ['touch', HERE + '/made'])",
    "kill": "os.kill(os.getppid(), 0)",
    "tcp": "socket.create_connection(('127.0.0.1', PORT), 1)",
    "unix": "s = socket.socket(socket.AF_UNIX); s.connect(HERE + '/socket')",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
    "bind": "socket.socket().bind(('127.0.0.1', 0))",
    "drop table": "c = sqlite3.connect(HERE + '/data.db'); c.execute('DROP TABLE rows'); c.commit()",
    "drop table by C": "c = sqlite3.connect('file:' + HERE + '/data.db?mode=rw', uri=True); c.execute('DELETE FROM rows'); c.commit()",
}


def guard(root: Path, *, timeout: float = 30.0, **asked: Any) -> dict[str, Any]:
    request = {"sys_path": [str(root)], "imports": ["app.main:app"], **asked}
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-B", str(SCRIPT)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        cwd=root,
        env={**env, "API_TOKEN": "canary-123456"},
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/__init__.py").touch()
    (tmp_path / "victim").write_text("content")
    with sqlite3.connect(tmp_path / "data.db") as database:
        database.execute("CREATE TABLE rows (id)")
        database.execute("INSERT INTO rows VALUES (1)")
    database.close()
    return tmp_path


def _state(root: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mode, path.read_bytes()) for path in files}


def test_nothing_that_an_import_tries_happens_and_tables_are_read(root: Path) -> None:
    with (
        socket.socket() as tcp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
    ):
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        tcp.setblocking(False)
        port = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        udp.setblocking(False)
        unix.bind(str(root / "socket"))
        unix.listen()
        unix.setblocking(False)
        lines = [
            "import ctypes, os, socket, sqlite3, subprocess",
            "libc = ctypes.CDLL(None)",
            "DONE = []",
        ]
        lines += [f"HERE, PORT = {str(root)!r}, {port}"]
        for name, attempt in ATTEMPTS.items():
            lines += [
                "try:",
                f"    {attempt}",
                f"    DONE.append({name!r})",
                "except BaseException: pass",
            ]
        lines += [MODELS, "if DONE: raise RuntimeError(str(DONE))"]
        (root / "app/main.py").write_text("\n".join(lines))
        before = _state(root)
        answer = guard(root)
        for listener in (tcp, unix):
            with pytest.raises(BlockingIOError):
                listener.accept()
        with pytest.raises(BlockingIOError):
            udp.recv(1)
    assert answer["failed"] == []
    assert [table["name"] for table in answer["tables"]] == ["user"]
    assert answer["tables"][0]["columns"][1]["enum"] == ["A", "B"]
    assert _state(root) == before


def test_tables_registered_before_a_failure_are_read_and_no_secret_is_told(root: Path) -> None:
    (root / "app/main.py").write_text(
        MODELS + "\nimport os\nraise ValueError('postgresql://u:pw@h ' + os.environ['API_TOKEN'])\n"
    )
    answer = guard(root)
    assert [table["name"] for table in answer["tables"]] == ["user"]
    assert answer["failed"][0]["error"] == "ValueError: postgresql://u:***@h ***"
    assert answer["failed"][0]["file"].endswith("app/main.py")


def test_import_that_hangs_ends_in_time(root: Path) -> None:
    (root / "app/main.py").write_text(
        "import time\nwhile True:\n    try: time.sleep(9)\n    except Exception: pass\n"
    )
    assert "more than 1 s" in guard(root, seconds=1)["failed"][0]["error"]


def test_noise_and_exit_never_reach_the_answer(root: Path) -> None:
    (root / "app/main.py").write_text(
        "import os, sys\nprint('{}')\nos.write(1, b'{}')\nsys.exit(3)\n"
    )
    answer = guard(root)
    assert answer["schema"] == "unstale.guard/1"
    assert answer["failed"][0]["error"] == "SystemExit: 3"


def test_threads_and_event_loops_still_work(root: Path) -> None:
    body = "import asyncio, threading\nasyncio.run(asyncio.sleep(0))\nt = threading.Thread(target=print)\nt.start()\nt.join()\n"
    (root / "app/main.py").write_text(body)
    answer = guard(root)
    assert answer["imported"] == ["app.main"]
    assert answer["loaded"] == [str(root / "app/__init__.py"), str(root / "app/main.py")]
