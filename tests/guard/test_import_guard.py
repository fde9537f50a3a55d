"""Real imports behind the real kernel barrier."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import unstale.guard

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(str(unstale.guard.__file__)).parent / "import_guard.py"
PYENV = sorted((Path.home() / ".pyenv/versions").glob("3.*/bin/python"))
PYTHONS = [sys.executable]  # and whatever else is on this machine, from 3.9 on
for other in ["/usr/bin/python3", *map(str, PYENV)]:
    code = "import sys; sys.exit(sys.version_info < (3, 9))"
    if (
        Path(other).exists()
        and not subprocess.run([other, "-c", code], capture_output=True).returncode
    ):
        PYTHONS.append(other)

MODELS = """
from sqlalchemy import Column, Enum, Integer, MetaData, Table
metadata = MetaData()
Table("user", metadata, Column("id", Integer, primary_key=True), Column("role", Enum("A", "B", name="role")))
"""
PRELUDE = """
import ctypes, fcntl, mmap, os, resource, shutil, signal, socket, sqlite3, struct, subprocess, tempfile
libc = ctypes.CDLL(None)
def c(result):
    assert result >= 0
def sql(text, address=None):
    base = sqlite3.connect(address or HERE + '/data.db', uri=bool(address), timeout=0)
    base.execute(text)
    base.commit()
def c_sql(text):
    lite, handle = ctypes.CDLL('libsqlite3.so.0'), ctypes.c_void_p()
    assert lite.sqlite3_open((HERE + '/data.db').encode(), ctypes.byref(handle)) == 0
    assert lite.sqlite3_exec(handle, text.encode(), None, None, None) == 0
"""

# each is done for real without the guard, in test_attempts_are_real
ATTEMPTS = {
    "open": "open(HERE + '/made', 'w')",
    "os.open": "os.open(HERE + '/made', os.O_CREAT | os.O_WRONLY)",
    "libc open": "c(libc.open((HERE + '/made').encode(), 0o101, 0o600))",
    "libc open to write": "c(libc.open((HERE + '/victim').encode(), 1))",
    "libc creat": "c(libc.creat((HERE + '/made').encode(), 0o600))",
    "libc fopen": "libc.fopen.restype = ctypes.c_void_p; assert libc.fopen((HERE + '/made').encode(), b'w')",
    "append": "open(HERE + '/victim', 'a').write('x')",
    "truncate": "os.truncate(HERE + '/victim', 0)",
    "libc truncate": "c(libc.truncate((HERE + '/victim').encode(), ctypes.c_long(0)))",
    "temporary file": "tempfile.mkstemp(dir=HERE)",
    "mkdir": "os.mkdir(HERE + '/made')",
    "mkfifo": "os.mkfifo(HERE + '/made')",
    "rmdir": "os.rmdir(HERE + '/empty')",
    "rename": "os.rename(HERE + '/victim', HERE + '/made')",
    "replace": "os.replace(HERE + '/victim', HERE + '/data.db')",
    "link": "os.link(HERE + '/victim', HERE + '/made')",
    "symlink": "os.symlink('/', HERE + '/made')",
    "unlink": "os.unlink(HERE + '/victim')",
    "libc unlink": "c(libc.unlink((HERE + '/victim').encode()))",
    "rmtree": "shutil.rmtree(HERE + '/empty')",
    "chmod": "os.chmod(HERE + '/victim', 0o777)",
    "fchmod": "os.fchmod(os.open(HERE + '/victim', os.O_RDONLY), 0o777)",
    "chown": "os.chown(HERE + '/victim', os.getuid(), os.getgid())",
    "utime": "os.utime(HERE + '/victim', (1, 1))",
    "flock": "fcntl.flock(os.open(HERE + '/victim', os.O_RDONLY), fcntl.LOCK_EX)",
    "lease": "fcntl.fcntl(os.open(HERE + '/victim', os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_RDLCK)",
    "signal by descriptor": "fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, VICTIM)",
    "shared memory": "identity = libc.shmget(0, 4096, 0o600); c(identity); libc.shmctl(identity, 0, None)",
    "subprocess": "subprocess.run(['touch', HERE + '/made'], check=True)",
    "os.system": "assert os.system('true') == 0",
    "libc system": "assert libc.system(b'true') == 0",
    "popen": "assert os.popen('echo x').read() == 'x\\n'",
    "posix_spawn": "os.waitpid(os.posix_spawn('/usr/bin/touch', ['touch', HERE + '/made'], {}), 0)",
    "fork and exec": "pid = os.fork()\n    if not pid: os.execv('/usr/bin/touch', ['touch', HERE + '/made'])\n    os.waitpid(pid, 0)",
    "libc fork": "pid = libc.fork()\n    if not pid: libc._exit(0)\n    c(pid)",
    "clone3": "pid = libc.syscall(435, struct.pack('8Q', 0, 0, 0, 0, 17, 0, 0, 0), 64)\n    if not pid: libc._exit(0)\n    c(pid)",
    "ioctl": "fcntl.ioctl(socket.socket(), 0x8933, struct.pack('16s24x', b'lo'))",
    "kill": "os.kill(VICTIM, signal.SIGKILL)",
    "libc kill": "c(libc.kill(VICTIM, 9))",
    "kill the parent": "os.kill(os.getppid(), 0)",
    "tgkill": "c(libc.syscall({'x86_64': 234, 'aarch64': 131}[os.uname().machine], VICTIM, VICTIM, 9))",
    "limits of another": "resource.prlimit(VICTIM, resource.RLIMIT_CORE, (0, 0))",
    "priority of another": "os.setpriority(os.PRIO_PROCESS, VICTIM, 19)",
    "tcp": "socket.create_connection(('127.0.0.1', PORT), 1)",
    "unix": "s = socket.socket(socket.AF_UNIX); s.connect(HERE + '/socket')",
    "libc unix": "s = socket.socket(socket.AF_UNIX); a = struct.pack('H', 1) + (HERE + '/socket').encode() + b'\\0'; c(libc.connect(s.fileno(), a, len(a)))",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
    "udp message": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('127.0.0.1', PORT))",
    "bind": "socket.socket().bind(('127.0.0.1', 0))",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "drop table": "sql('DROP TABLE rows')",
    "delete rows": "sql('DELETE FROM rows', 'file:' + HERE + '/data.db?mode=rw')",
    "new database": "sqlite3.connect(HERE + '/made').execute('CREATE TABLE t (x)')",
    "drop table from C": "c_sql('DROP TABLE rows')",
}


def guard(
    root: Path,
    *,
    python: str = sys.executable,
    script: Path = SCRIPT,
    env: dict[str, str] | None = None,
    inherited: tuple[int, ...] = (),
    **asked: Any,
) -> dict[str, Any]:
    done = run(root, python=python, script=script, env=env, inherited=inherited, **asked)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout.strip().rpartition("\n")[2])  # type: ignore[no-any-return]


def run(
    root: Path,
    *,
    python: str = sys.executable,
    script: Path = SCRIPT,
    env: dict[str, str] | None = None,
    inherited: tuple[int, ...] = (),
    **asked: Any,
) -> subprocess.CompletedProcess[str]:
    request = {"sys_path": [str(root)], "imports": ["app.main:app"], **asked}
    argv = [python, "-B", "-E", "-S", str(script)]
    return subprocess.run(
        argv,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        cwd=root,
        env={**clean_environment(), "API_TOKEN": "canary-123456", **(env or {})},
        pass_fds=inherited,
        timeout=30,
        check=False,
    )


def clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return laid(tmp_path)


def laid(root: Path) -> Path:
    (root / "app").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "app/__init__.py").touch()
    (root / "app/other.py").touch()
    (root / "victim").write_text("content")
    with contextlib.closing(sqlite3.connect(root / "data.db")) as database, database:
        database.execute("CREATE TABLE rows (id)")
        database.execute("INSERT INTO rows VALUES (1)")
    return root


def state(root: Path) -> dict[str, tuple[int, int, bytes]]:
    paths = [path for path in root.rglob("*") if path.name != "socket"]
    return {
        str(path): (
            path.stat().st_mode,
            path.stat().st_mtime_ns,
            b"" if path.is_dir() else path.read_bytes(),
        )
        for path in paths
    }


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@contextlib.contextmanager
def listening(root: Path) -> Iterator[tuple[int, list[socket.socket]]]:
    with (
        socket.socket() as tcp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
    ):
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", tcp.getsockname()[1]))
        unix.bind(str(root / "socket"))
        for each in (tcp, unix):
            each.listen()
        for each in (tcp, unix, udp):
            each.setblocking(False)
        yield tcp.getsockname()[1], [tcp, unix, udp]


def script(root: Path, port: int, pid: int, names: list[str]) -> str:
    lines = [f"HERE, PORT, VICTIM, DONE = {str(root)!r}, {port}, {pid}, []", PRELUDE]
    for name in names:
        lines += [
            "try:",
            f"    {ATTEMPTS[name]}",
            f"    DONE.append({name!r})",
            "except BaseException: pass",
        ]
    return "\n".join(lines)


@pytest.mark.parametrize("python", PYTHONS)
def test_nothing_that_an_import_tries_happens_and_tables_are_read(
    root: Path, python: str, victim: subprocess.Popen[bytes]
) -> None:
    with_models = MODELS if python == sys.executable else ""
    with listening(root) as (port, listeners):
        body = script(root, port, victim.pid, list(ATTEMPTS))
        tail = "import sys; sys.dont_write_bytecode = False; import app.other\nif DONE: raise RuntimeError(str(DONE))"
        (root / "app/main.py").write_text(f"{body}\n{with_models}\n{tail}")
        before = state(root)
        answer = guard(root, python=python)
        tcp, unix, udp = listeners
        for listener in (tcp, unix):
            with pytest.raises(BlockingIOError):
                listener.accept()
        with pytest.raises(BlockingIOError):
            udp.recv(1)
    assert answer["failed"] == []
    assert state(root) == before
    assert victim.poll() is None
    assert f"open {root}/made" in answer["denied"]
    assert len(answer["denied"]) == 20
    assert [table["name"] for table in answer["tables"]] == (["user"] if with_models else [])
    assert str(root / "app/other.py") in answer["loaded"]


def test_attempts_are_real(tmp_path: Path) -> None:
    """Each attempt succeeds where no guard stands, so that its refusal says something."""
    undone = []
    for number, name in enumerate(ATTEMPTS):
        place = laid(tmp_path / str(number))
        with listening(place) as (port, _), subprocess.Popen(["sleep", "60"]) as process:
            body = script(place, port, process.pid, [name]) + "\nprint(*DONE)"
            done = subprocess.run(
                [sys.executable, "-c", body], capture_output=True, text=True, timeout=30
            )
            process.kill()
        if name not in done.stdout:
            undone.append(name)
    assert undone == []


def test_seccomp_alone_refuses_the_same(root: Path, victim: subprocess.Popen[bytes]) -> None:
    barrier = SCRIPT.with_name("barrier.py")
    with listening(root) as (port, _):
        body = script(root, port, victim.pid, list(ATTEMPTS))
        code = (
            f"space = {{'__name__': 'barrier'}}; exec(open({str(barrier)!r}).read(), space)\n"
            "space['_landlock'] = lambda: 0\n"
            "assert space['raise_barrier']() == {'landlock': 0, 'seccomp': True}\n"
            f"{body}\nprint(DONE, open(HERE + '/victim').read())"
        )
        before = state(root)
        done = subprocess.run(
            [sys.executable, "-B", "-c", code], capture_output=True, text=True, timeout=30
        )
    assert done.stdout == "[] content\n", done.stderr
    assert state(root) == before
    assert victim.poll() is None


@pytest.mark.parametrize(("allowed", "imported"), [(False, []), (True, ["app.main"])])
def test_without_seccomp_nothing_is_imported_unless_allowed(
    root: Path, *, allowed: bool, imported: list[str]
) -> None:
    (root / "app/main.py").write_text(f"open({str(root)!r} + '/made', 'w')")
    copy = Path(shutil.copytree(SCRIPT.parent, root / "guard"))
    with (copy / "barrier.py").open("a") as file:
        file.write("\n\ndef raise_barrier():\n    return {'landlock': 7, 'seccomp': False}\n")
    answer = guard(root, script=copy / "import_guard.py", allow_import_without_barrier=allowed)
    assert answer["imported"] == imported
    assert (root / "made").exists() is allowed
    assert [each["error"].partition(":")[0] for each in answer["failed"]] == (
        [] if allowed else ["no barrier"]
    )


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


def test_secrets_of_env_files_and_urls_are_not_told(root: Path) -> None:
    (root / ".env").write_text("export APP_SECRET='dotenv-canary'\n")
    (root / "app/main.py").write_text(
        "raise ValueError('dotenv-canary p@ss/word https://sentrykey@host/1 mysql://u:x@y@h')\n"
    )
    answer = guard(root, env={"DATABASE_URL": "postgresql://me:p@ss/word@db/name"})
    assert answer["failed"][0]["error"] == "ValueError: *** *** https://***@host/1 mysql://u:***@h"


@pytest.mark.parametrize("thrown", ["Exception", "BaseException"])
def test_tables_are_read_when_the_time_limit_is_swallowed(root: Path, thrown: str) -> None:
    body = (
        f"{MODELS}\nimport time\nwhile True:\n    try: time.sleep(9)\n    except {thrown}: pass\n"
    )
    (root / "app/main.py").write_text(body)
    answer = guard(root, seconds=4)  # the models must have come by then, also on a busy machine
    assert "more than 4 s" in answer["failed"][0]["error"]
    assert [table["name"] for table in answer["tables"]] == ["user"]


def test_c_code_that_never_returns_ends_without_an_answer(root: Path) -> None:
    (root / "app/main.py").write_text(
        "import ctypes\nlock = ctypes.create_string_buffer(64)\nwhile True: ctypes.PyDLL(None).pthread_mutex_lock(lock)\n"
    )
    began = time.monotonic()
    done = run(root, seconds=0.1)
    assert (done.returncode, done.stdout) == (1, "")
    assert time.monotonic() - began < 10


def test_tables_are_read_when_the_import_calls_exit(root: Path) -> None:
    (root / "app/main.py").write_text(f"{MODELS}\nimport os\nos._exit(3)\n")
    answer = guard(root)
    assert "os._exit(3)" in answer["failed"][0]["error"]
    assert [table["name"] for table in answer["tables"]] == ["user"]


def test_inherited_descriptors_are_closed_and_the_answer_stays_the_last_line(root: Path) -> None:
    (root / "app/main.py").write_text(
        "import os\nfor each in range(64):\n    try: os.write(each, b'{\"noise\": 1}')\n    except OSError: pass\n"
    )
    with (root / "log").open("w") as log:
        answer = guard(root, inherited=(log.fileno(),))
    assert answer["imported"] == ["app.main"]
    assert (root / "log").read_text() == ""


@pytest.mark.parametrize("python", PYTHONS)
def test_start_up_code_of_an_environment_runs_behind_the_barrier(root: Path, python: str) -> None:
    argv = [python, "-m", "venv", "--without-pip", str(root / "venv")]
    subprocess.run(argv, check=True, env=clean_environment(), capture_output=True)
    packages = next((root / "venv/lib").glob("python3.*/site-packages"))
    effect = f"open({str(root)!r} + '/made', 'a')"
    (packages / "start.pth").write_text(f"import sys; sys.from_pth = 1; {effect}\n")
    (packages / "installed.py").touch()
    (root / "extra").mkdir()
    (root / "extra/sitecustomize.py").write_text(f"import sys; sys.from_site = 1\n{effect}\n")
    (root / "extra/json.py").write_text(f"{effect}\n")
    (root / "app/main.py").write_text(
        "import sys, installed\napp = sys.from_pth, sys.from_site, sys.path[:2]\n"
    )
    before = state(root)
    answer = guard(
        root,
        python=str(root / "venv/bin/python"),
        env={"PYTHONPATH": str(root / "extra")},
        want=["entry"],
    )
    assert answer["failed"] == []
    assert state(root) == before
    assert not (root / "made").exists()


def test_entry_that_is_not_there_is_a_failure(root: Path) -> None:
    (root / "app/main.py").write_text("application = 1\n")
    answer = guard(root, want=["entry"])
    assert (
        answer["failed"][0]["error"] == "AttributeError: module 'app.main' has no attribute 'app'"
    )
    assert guard(root, want=["entry"], imports=["app.main:application"])["failed"] == []


def test_broken_code_is_named_by_file_and_line(root: Path) -> None:
    (root / "app/main.py").write_text("import app.other\n")
    (root / "app/other.py").write_text("x = 1\ndef broken(:\n")
    failed = guard(root)["failed"][0]
    assert (failed["file"], failed["line"]) == (str(root / "app/other.py"), 2)
    assert failed["error"].startswith("SyntaxError: ")


def test_lazy_proxies_sleep_on_and_frozen_objects_are_found(root: Path) -> None:
    (root / "app/main.py").write_text(
        f"{MODELS}\nimport gc\nclass Proxy:\n    @property\n    def __class__(self): raise RuntimeError('woken')\n"
        "proxy = Proxy()\ngc.freeze()\n"
    )
    answer = guard(root, want=["models", "settings"])
    assert answer["failed"] == []
    assert [table["name"] for table in answer["tables"]] == ["user"]


def test_settings_are_told_by_digest_alone(root: Path) -> None:
    (root / "pydantic_settings.py").write_text(
        "import pydantic\nclass BaseSettings(pydantic.BaseModel): pass\n"
    )
    (root / "app/main.py").write_text(
        "import pydantic, pydantic_settings\n"
        "class Settings(pydantic_settings.BaseSettings):\n    key: pydantic.SecretStr\n    tags: set[str]\n"
        "class Later(pydantic_settings.BaseSettings):\n    size: int = 3\n"
        "class Missing(pydantic_settings.BaseSettings):\n    needed: int\n"
        "settings = Settings(key='canary-settings', tags={'a', 'b', 'c', 'd'})\n"
    )
    first, again, salted = (
        guard(root, want=["settings"], salt=salt)["settings"] for salt in ("s", "s", "t")
    )
    assert first == again
    assert first["app.main.Settings"]["fields"].keys() == {"key", "tags"}
    assert (
        first["app.main.Settings"]["fields"]["key"] != salted["app.main.Settings"]["fields"]["key"]
    )
    assert first["app.main.Later"]["fields"].keys() == {"size"}
    assert first["app.main.Missing"] == {"fields": {}, "invalid": ["needed"]}
    assert "canary" not in json.dumps([first, salted])


def test_real_app_is_read_whole(root: Path) -> None:
    (root / "app/main.py").write_text(
        "import enum\nfrom fastapi import FastAPI\nfrom sqlmodel import Field, SQLModel, create_engine\n"
        "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n"
        "class Role(enum.Enum):\n    DEV = 'a developer'\n    OPS = 'an operator'\n"
        "class User(SQLModel, table=True):\n    id: int | None = Field(default=None, primary_key=True)\n    role: Role\n"
        "class Base(DeclarativeBase): pass\n"
        "class Note(Base):\n    __tablename__ = 'note'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
        "    text: Mapped[str | None] = mapped_column(server_default='-')\n"
        "app = FastAPI()\nSQLModel.metadata.create_all(create_engine('sqlite:///data.db'))\n"
    )
    before = state(root)
    answer = guard(root, want=["models", "entry"])
    assert "readonly database" in answer["failed"][0]["error"]
    assert (answer["failed"][0]["file"], answer["failed"][0]["line"]) == (
        str(root / "app/main.py"),
        17,
    )
    note, user = answer["tables"]
    assert (note["name"], note["module"], user["name"], user["module"]) == (
        "note",
        "app.main",
        "user",
        "app.main",
    )
    assert user["columns"][1]["enum"] == ["DEV", "OPS"]
    assert note["columns"][1] == {
        "name": "text",
        "type": "String",
        "nullable": True,
        "primary_key": False,
        "has_server_default": True,
        "enum": None,
    }
    assert state(root) == before


def test_tables_of_a_package_and_of_a_second_database_are_not_the_projects(root: Path) -> None:
    mapped = """
from sqlalchemy import Column, Integer, MetaData
from sqlalchemy.orm import declarative_base
Base = declarative_base(metadata=MetaData(info=INFO))
class Row(Base):
    __tablename__ = NAME
    id = Column(Integer, primary_key=True)
"""
    package = root / "venv/lib/python3/site-packages"
    package.mkdir(parents=True)
    for place, name, info in (
        (package / "audit.py", "audit_log", {}),
        (root / "app/users.py", "user", {}),
        (root / "app/archive.py", "archive", {"bind_key": "archive"}),
        (root / "app/plain.py", "plain", {"bind_key": None}),
    ):
        place.write_text(mapped.replace("INFO", repr(info)).replace("NAME", repr(name)))
    entry = "import audit\nfrom app import archive, plain, users\naudit.Base.metadata.tables['audit_log']\n"
    (root / "app/main.py").write_text(entry)
    answer = guard(root, sys_path=[str(root), str(package)])
    assert answer["failed"] == []
    assert [each["name"] for each in answer["tables"]] == ["plain", "user"]
