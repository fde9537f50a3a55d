"""Bad input of every kind: one clear message or an honest unknown, the right exit code, never a traceback."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import APP, wait_for

from unstale.cli import program
from unstale.detect import find_project
from unstale.fact import Facts
from unstale.facts.env_files import EnvFiles
from unstale.local import LocalHost

if TYPE_CHECKING:
    from conftest import Site

INI = "[alembic]\nscript_location = migrations\n"
REVISION = "revision = 'a1'\ndown_revision = None\n"
READS_ENV = "from dotenv import load_dotenv\nload_dotenv(encoding='latin-1')\nGREETING = 'one'\n"

HOLDS = """
import os, sqlite3
database = sqlite3.connect(os.environ["ODD"])
database.execute("CREATE TABLE item (id INTEGER)")
GREETING = "one"
"""

as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can start a process that we may not read"
)


def plainly(*more: str) -> list[str]:
    """Return what runs a command without root's privilege to pass over permissions."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    assert setpriv, "setpriv is missing: apt install util-linux"
    lost = ",".join(f"-{each}" for each in ("dac_override", "dac_read_search", *more))
    return [setpriv, f"--bounding-set={lost}", f"--inh-caps={lost}"]


def run(
    site: Site, *words: str, by: tuple[str, ...] = (), cwd: Path | None = None, **how: Any
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*plainly(*by), sys.executable, "-m", "unstale", *words],
        cwd=cwd or site.root,
        env=site.environ(),
        text=True,
        timeout=60,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how},
    )


def said(done: subprocess.CompletedProcess[str], code: int, *parts: str) -> str:
    """Return all that was said, after the exit code, the parts, and that no traceback is among it."""
    words = (done.stdout or "") + (done.stderr or "")
    assert done.returncode == code, words
    assert "Traceback" not in words
    assert "crashed" not in words.replace('"crashed": []', "")
    assert all(part in words or part in " ".join(words.split()) for part in parts), words
    return words


Here = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Here:
    """Run a command line in this process, in a small project: for when only its words are at fault."""
    (tmp_path / "small/app").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "small")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    Path("app/main.py").write_text(APP)
    Path("requirements.txt").write_text("fastapi\n")

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        code = program.run(words)
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(words, code, out, err)

    return call


def message(done: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """The message has what, why and next, and nothing else is said."""
    said(done, code, *parts)
    first, second = done.stderr.splitlines()
    assert first.startswith("unstale: ")
    assert first.count(": ") >= 2
    assert second.startswith("  next: ")
    assert not done.stdout


def unknown(site: Site, *parts: str, code: str) -> None:
    """The report comes, calls nothing fresh that it could not read, and says why and what to do."""
    done = run(site, "check", "--format", "json", "--only", code)
    said(done, 3)
    report = json.loads(done.stdout)
    assert report["verdict"] == "unknown"
    reasons = report["unknown"]
    assert all(each["next"] for each in reasons)
    assert all(any(part in each["because"] for each in reasons) for part in parts), reasons


@contextmanager
def closed(path: Path, mode: int = 0) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


# --- words of the command line


def test_no_project_here(here: Here, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    message(here("check", "-C", str(empty)), 2, "no project here")
    done = here("check", "--format", "json", "-C", str(empty))
    error = json.loads(done.stdout)
    assert error["schema"] == "unstale.error/1"
    assert error["exit"] == done.returncode == 2
    assert all(error[key] for key in ("what", "why", "next"))


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (("chek",), "did you mean check?"),
        (("check", "--only", "PRC01"), "Did you mean PRC001?"),
        (("check", "--skip", "nonsense"), "unknown code or layer"),
        (("fix", "PRC01"), "Did you mean PRC001?"),
        (("explain", "pip-cahe"), "Did you mean pip-cache?"),
        (("check", "--frmat", "json"), "--format"),
        (("check", "nowhere"), "is not a directory"),
        (("check", "-C", "app/main.py"), "is not a directory"),
        (("fix", "-C", "app/main.py", "--yes"), "is not a directory"),
        (("check", "-C", "a" * 300), "File name too long"),
        (("check", "-C", "loop"), "leads back to itself"),
        (("check", "--copy-limit", "many"), "is not a valid integer"),
        (("check", "--copy-limit", "-1"), "not in the range"),
        (("check", "--url", "localhost:8000"), "no address of a web server"),
        (("check", "--url", "http://[::1"), "no address of a web server"),
        (("check", "-o", "."), "is a directory"),
        (("check", "-o", "nowhere/report"), "No such file"),
        (("check", "-o", "/dev/full"), "No space left"),
        (("check", "--record", "nowhere/record"), "No such file"),
        (("check", "--record", "/dev/full"), "No space left"),
        (("check", "--replay", "nowhere"), "does not exist"),
        (("undo", "20200101-000000-abcd"), "unknown run"),
        (("fix", "--pid", "1"), "no finding of this project names it"),
    ],
)
def test_wrong_word_is_exit_2_and_says_what_is_right(
    here: Here, argv: tuple[str, ...], part: str
) -> None:
    Path("loop").symlink_to("loop")
    message(here(*argv), 2, part)


@pytest.mark.parametrize(
    "content",
    [
        b"garbage",
        b"\xff\xfe\0",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"schema": "unstale.facts/99"}',
        b'{"schema": "unstale.facts/1"}',
        b'{"schema": "unstale.facts/1", "project": {"root": 3}, "options": {}, "facts": {}}',
        b'{"schema": "unstale.facts/1", "project": {}, "options": {}, "facts": {}}',
    ],
)
def test_garbage_is_not_replayed(here: Here, content: bytes) -> None:
    Path("record").write_bytes(content)
    message(here("check", "--replay", "record"), 2, "cannot replay", "--record")


def test_damaged_facts_of_a_recording_are_unknown(here: Here) -> None:
    file = Path("record")
    said(here("check", "--record", "record"), 0)
    document = json.loads(file.read_text())
    for damage in ({"fact": 3}, {"error": "Nonsense"}, [], {}):
        facts = dict.fromkeys(document["facts"], damage)
        file.write_text(json.dumps({**document, "facts": facts}))
        said(here("check", "--replay", "record"), 3, "record")


# --- settings


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[backend\n", "cannot read"),
        ("[backend]\npth = 'x'\n", "Did you mean path?"),
        ("[bakend]\n", "Did you mean backend?"),
        ("[check]\nignore = { HTP001 = '' }\n", "a reason"),
        ("backend = 3\n", "is not a table"),
        ("[[http]]\nurls = []\n", "is not a table"),
        ("[http]\nurls = 'http://127.0.0.1'\n", "no list of texts"),
        ("[http]\nurls = ['127.0.0.1:8000']\n", "no address of a web server"),
        ("[check]\nskip = 'PRC'\n", "no list of texts"),
        ("[check]\nskip = ['PRX']\n", "unknown code or layer"),
        ("[database]\nurl = 3\n", "no text"),
    ],
)
def test_bad_settings_name_the_file_and_what_is_right(here: Here, text: str, part: str) -> None:
    Path("unstale.toml").write_text(text)
    message(here("check"), 2, part, "" if "PRX" in text else "unstale.toml")


def test_unreadable_settings_are_not_passed_over(site: Site) -> None:
    with closed(site.write("unstale.toml", "[check]\nskip = ['PRC']\n")):
        message(run(site, "check"), 2, "unstale.toml", "Permission denied")


def test_foreign_broken_pyproject_does_not_stop_the_check(here: Here) -> None:
    for content in (b"[project\n", b"\xff\xfe\0", b"tool = 3\n"):
        Path("pyproject.toml").write_bytes(content)
        said(here("check", "--only", "GIT"), 0)


def test_broken_pyproject_with_our_table_is_named(here: Here) -> None:
    Path("pyproject.toml").write_text("[tool.unstale]\nbackend = [\n")
    message(here("check"), 2, "pyproject.toml")


def test_our_name_in_pyproject_that_is_no_table_is_refused(here: Here) -> None:
    Path("pyproject.toml").write_text("[tool]\nunstale = true\n")
    message(here("check"), 2, "pyproject.toml", "[tool.unstale]")


def test_address_with_letters_of_another_alphabet_is_no_crash(site: Site) -> None:
    site.serve()
    done = run(site, "check", "--url", f"http://127.0.0.1:{site.port}/gr\u00fc\u00dfe")
    said(done, done.returncode)
    assert done.returncode in (0, 3)


# --- permissions


def test_unreadable_project_is_one_message(site: Site) -> None:
    for mode in (0o000, 0o311, 0o644):
        with closed(site.root, mode):
            for words in (("check",), ("fix", "--yes"), ("ps",)):
                done = run(site, *words, "-C", str(site.root), cwd=Path("/"))
                message(done, 2, str(site.root), "Permission denied")


def test_unreadable_directory_that_nothing_uses_changes_nothing(site: Site) -> None:
    site.write("attic/x.py", "x = 1\n")
    site.serve()
    with closed(site.root / "attic"):
        said(run(site, "check"), 0, "fresh")


def test_unreadable_directory_that_the_server_imports_is_unknown(site: Site) -> None:
    site.write("app/inner/__init__.py", "")
    site.write("app/inner/deep.py", "X = 1\n")
    site.write("app/words.py", "import app.inner.deep\nGREETING = 'one'\n")
    site.commit()
    site.serve()
    for name in ("app/inner", "app"):
        with closed(site.root / name):
            unknown(site, name, code="PRC001")


def test_unreadable_environment_is_unknown(site: Site) -> None:
    (site.root / ".venv").mkdir()
    with closed(site.root / ".venv"):
        unknown(site, "Permission denied", code="ENV001")


def test_state_that_may_not_be_written_stops_fix_before_it_touches_anything(site: Site) -> None:
    server = site.serve()
    site.state.mkdir()
    with closed(site.state, 0o500):
        message(run(site, "fix", "--yes"), 2, "cannot keep a journal", "Permission denied")
    assert server.poll() is None


def test_project_that_may_not_be_written_stops_init(site: Site) -> None:
    with closed(site.root, 0o555):
        message(run(site, "init"), 2, "unstale.toml", "Permission denied")


@as_root
def test_another_users_server_is_unknown_when_its_command_names_the_project(site: Site) -> None:
    site.serve("--app-dir", str(site.root))
    done = run(site, "check", by=("sys_ptrace",))
    said(done, 3, "may not be read", str(site.started[0].pid))


@as_root
def test_another_users_listener_is_unknown_where_the_project_names_its_port(site: Site) -> None:
    site.serve()
    said(run(site, "check", by=("sys_ptrace",)), 0)
    url = f"http://127.0.0.1:{site.port}"
    said(run(site, "check", "--url", url, by=("sys_ptrace",)), 3, f"listener on :{site.port}")


# --- databases and what describes them


@pytest.fixture
def shop(site: Site) -> Site:
    """A project whose database is at its only revision."""
    site.write(".env", "DATABASE_URL=sqlite:///./shop.db\n")
    site.write("alembic.ini", INI)
    site.write("migrations/versions/a1.py", REVISION)
    with closing(sqlite3.connect(site.root / "shop.db")) as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('a1')")
        database.execute("CREATE TABLE item (id INTEGER)")
        database.executemany("INSERT INTO item VALUES (?)", [(each,) for each in range(3000)])
        database.commit()
    site.commit()
    return site


def test_damaged_database_is_unknown_and_never_fresh(shop: Site) -> None:
    said(run(shop, "check"), 0)
    file = shop.root / "shop.db"
    good = file.read_bytes()
    for bad in (
        good[:100] + bytes(each * 7 % 251 for each in range(len(good) - 100)),
        good[: len(good) // 2],
        good[:50],
        good[:10],
        b"no database at all\n" * 500,
        bytes(8192),
    ):
        file.write_bytes(bad)
        unknown(shop, "shop.db", code="SCH001")
    file.write_bytes(good)
    said(run(shop, "check"), 0)


def test_unreadable_database_is_unknown(shop: Site) -> None:
    with closed(shop.root / "shop.db"):
        unknown(shop, "Permission denied", code="SCH001")


def test_broken_alembic_ini_is_unknown(shop: Site) -> None:
    for bad in (b"[alembic\nscript_location", bytes(range(256)), b""):
        (shop.root / "alembic.ini").write_bytes(bad)
        unknown(shop, "alembic.ini", code="SCH001")


def test_broken_revision_is_unknown(shop: Site) -> None:
    for bad in (b"revision = 'b1'\ndown_revision =\n", b"\0\xff", b"\xff = 1\n"):
        (shop.root / "migrations/versions/b1.py").write_bytes(bad)
        unknown(shop, "b1.py", code="SCH001")


# --- files of other tools


@pytest.mark.parametrize(
    "content", ["garbage", "[]", "3", '{"packages": []}', '{"packages": {"node_modules/x": 3}}']
)
def test_damaged_package_lock_is_unknown(site: Site, content: str) -> None:
    site.write("web/package.json", '{"scripts": {"build": "vite build"}}')
    site.write("web/node_modules/x/package.json", "{")
    site.write("web/package-lock.json", content)
    unknown(site, "package-lock.json", code="NPM001")


def test_odd_package_json_does_not_stop_the_check(here: Here) -> None:
    Path("web").mkdir()
    odd = '{"scripts": {"build": 3}, "dependencies": [1]}'
    for content in ("garbage", "[]", '{"scripts": "build"}', '{"scripts": 3}', odd):
        Path("web/package.json").write_text(content)
        said(here("check", "--only", "NPM,BLD"), 0)


def test_pyvenv_cfg_without_version_is_unknown(site: Site) -> None:
    site.write(".venv/pyvenv.cfg", "home = /usr/bin\n")
    unknown(site, "names no version", code="ENV001")


def test_garbage_in_requirements_is_unknown(site: Site) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=site.root)
    for content in (
        b"\xff\xfe\0 garbage ==\n",
        b"six ==\n",
        b"-r nowhere.txt\n",
        b'six; bar == "x"\n',
    ):
        (site.root / "requirements.txt").write_bytes(content)
        unknown(site, "requirements.txt", code="ENV001")
    site.write("requirements.txt", "./local\nhttps://example.invalid/x.whl\n-e .\n# words\n")
    said(run(site, "check"), 0)


def test_binary_bytes_in_dotenv_are_passed_over_in_silence(site: Site) -> None:
    site.write("app/words.py", READS_ENV)
    file = site.root / ".env"
    file.write_bytes(b"GREETING=one\n" + bytes(each for each in range(1, 256)) + b"\n= 'open\n")
    site.serve()
    assert run(site, "check").stderr == ""
    said(run(site, "check"), 0)
    site.old()
    file.write_bytes(b"GREETING=two\n" + bytes(range(256)))
    said(run(site, "check"), 1, "CFG001", "GREETING")


def test_fifo_is_never_waited_for(site: Site) -> None:
    (site.root / "app/main.py").unlink()
    site.write("web/package.json", '{"scripts": {"build": "vite build"}}')
    names = ("app/main.py", ".env", "alembic.ini", "pyproject.toml", "unstale.toml", "compose.yaml")
    for name in (*names, "web/vite.config.ts", "package.json", "shop.db"):
        os.mkfifo(site.root / name)
    began = time.monotonic()
    said(run(site, "check"), 0)
    site.write("web/node_modules/x", "")
    for name in ("web/package-lock.json", "web/dist/index.html"):
        (site.root / name).parent.mkdir(exist_ok=True)
        os.mkfifo(site.root / name)
    said(run(site, "check"), 3, "it is no regular file")
    assert time.monotonic() - began < 10


def test_recursive_links_are_not_followed(site: Site) -> None:
    (site.root / "requirements.txt").unlink()
    for name in ("app/self.py", ".env", "requirements.txt", "Dockerfile", "compose.yaml", ".venv"):
        (site.root / name).symlink_to(Path(name).name)
    (site.root / "loop").symlink_to(".")
    (site.root / "app/up").symlink_to("..")
    site.serve()
    said(run(site, "check"), 0)


def test_huge_source_costs_neither_time_nor_memory(site: Site) -> None:
    site.serve()
    site.old()
    row = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10,\n"
    site.write("app/main.py", f"{APP}DATA = [\n{row * 1_600_000}]\n")
    began = time.monotonic()
    limited = (resource.RLIMIT_AS, (3 << 30, 3 << 30))
    done = run(site, "check", preexec_fn=lambda: resource.setrlimit(*limited))
    said(done, 1, "PRC001", "likely")
    assert time.monotonic() - began < 15


# --- names


def test_names_with_newlines_escapes_and_bytes_are_shown_escaped(tmp_path: Path) -> None:
    from conftest import Site

    root = tmp_path / os.fsdecode(b"si\xffte\n\x1b[31m\xf0\x9f\x9a\x80")
    root.mkdir()
    site = Site(root, tmp_path / "state")
    odd = os.fsdecode(b"od\xffd\nname")
    try:
        site.write("app/__init__.py", "")
        site.write("app/main.py", APP)
        site.write("app/words.py", 'GREETING = "one"\n')
        site.write(f"app/{odd}/{odd}.py", "x = 1\n")
        site.git("init", "-q")
        site.commit()
        site.serve()
        site.old()
        site.write("app/words.py", 'GREETING = "two"\n')
        file = tmp_path / "report"
        for words, code in (
            (("check", "-v", "-o", str(file)), 1),
            (("check", "--format", "json"), 1),
            (("ps",), 0),
            (("ps", "--format", "json"), 0),
            (("init",), 0),
            (("check", "-q", "--record", str(tmp_path / "record")), 1),
            (("check", "--replay", str(tmp_path / "record")), 1),
            (("fix", "--yes"), 0),
            (("log",), 0),
        ):
            shown = said(run(site, *words), code)
            assert not any("\ud800" <= each <= "\udfff" for each in shown)
            assert "\x1b" not in shown
            if "json" in words:
                text = json.dumps(json.loads(shown), ensure_ascii=False)
                text.encode()  # a lone surrogate would be refused
        assert "si\\xffte\\n\\x1b[31m" in file.read_text()
        assert site.answer() == {"hello": "two"}
    finally:
        site.end()


def test_odd_name_in_a_finding_is_escaped(site: Site) -> None:
    odd = os.fsdecode(b"od\xffd\n\x1b[31m.db")
    site.write("app/words.py", HOLDS)
    site.serve(ODD=odd)
    (site.root / odd).unlink()
    done = run(site, "check")
    said(done, 1, "DBF002", "od\\xffd\\n\\x1b[31m.db")
    report = json.loads(run(site, "check", "--format", "json").stdout)
    assert "od\\xffd\\n\\x1b[31m.db" in report["findings"][0]["paths"]


# --- where it runs and where its words go


def test_deleted_working_directory_is_said(site: Site, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"rmdir {gone} && {sys.executable} -m unstale"
    for words, code in ((" check", 2), (f" check -C {site.root}", 0)):
        gone.mkdir(exist_ok=True)
        done = subprocess.run(
            ["sh", "-c", script + words],
            cwd=gone,
            env=site.environ(),
            capture_output=True,
            text=True,
        )
        said(done, code, "was deleted" if code else "fresh")


def test_reader_who_leaves_does_not_change_the_verdict(site: Site) -> None:
    site.write(".venv/pyvenv.cfg", "home = /usr/bin\n")
    read, write = os.pipe()
    os.close(read)
    try:
        done = run(site, "check", stdout=write)
        assert (done.returncode, done.stderr) == (3, "")
        assert run(site, "codes", stdout=write).stderr == ""
    finally:
        os.close(write)


def test_server_of_another_whose_place_is_shut_is_nothing_to_this_project(
    site: Site, tmp_path: Path
) -> None:
    """Its command names an interpreter that may not be looked at; only one in the project would count."""
    elsewhere = tmp_path / "elsewhere/.venv/bin"
    elsewhere.mkdir(parents=True)
    site.serve()
    argv = [f"{elsewhere}/python", "600"]
    stranger = subprocess.Popen(argv, executable=shutil.which("sleep"), cwd=tmp_path)
    try:
        with closed(tmp_path / "elsewhere"):
            done = run(site, "check")
            assert done.returncode == 0, done.stdout
            assert "unknown" not in done.stdout
    finally:
        stranger.kill()
        stranger.wait()


def test_closed_stdout_is_no_error(site: Site) -> None:
    for closing_words in (">&-", "2>&-"):
        line = f"{sys.executable} -m unstale check {closing_words}"
        done = subprocess.run(
            ["sh", "-c", line], cwd=site.root, env=site.environ(), capture_output=True, text=True
        )
        said(done, 0)


def test_full_disk_behind_stdout_is_one_message(site: Site) -> None:
    with Path("/dev/full").open("w") as full:
        for words in (("check",), ("codes",)):
            done = run(site, *words, stdout=full)
            assert done.returncode == 2
            assert "No space left" in done.stderr.splitlines()[0]
            assert len(done.stderr.splitlines()) == 2


def test_disk_that_is_full_for_the_journal_stops_fix(site: Site) -> None:
    """With room for no line nothing begins; with room for the first one no step is done without its line."""
    server = site.serve()
    site.old()
    site.write("app/words.py", 'GREETING = "two"\n')
    for room, code in ((0, 2), (300, 3)):
        limited = (resource.RLIMIT_FSIZE, (room, room))
        done = run(
            site, "fix", "--yes", preexec_fn=lambda limited=limited: resource.setrlimit(*limited)
        )
        said(done, code, "cannot write the journal")
        assert server.poll() is None
        assert site.answer() == {"hello": "one"}
    said(run(site, "fix", "--yes"), 0)
    assert site.answer() == {"hello": "two"}


# --- processes


def test_storm_of_processes_does_not_disturb_the_report(site: Site) -> None:
    site.serve()
    storm = site.run(["sh", "-c", "while :; do /bin/true & /bin/true & /bin/true & wait; done"])
    try:
        for _ in range(3):
            report = site.check()
            assert report["verdict"] == "fresh", report
            assert (report["unknown"], report["crashed"]) == ([], [])
            assert report["counts"]["checked"] > 5
        assert storm.poll() is None
    finally:
        storm.kill()


def test_servers_that_start_and_end_all_the_time_never_break_the_report(site: Site) -> None:
    site.write("app/words.py", READS_ENV)
    site.write(".env", "GREETING=one\n")
    short = site.root.parent / "uvicorn"
    short.write_text("import time\ntime.sleep(0.05)\n")
    line = f"while :; do {sys.executable} -S {short} app.main:app; done"
    for _ in range(2):
        site.run(["sh", "-c", line])
    for _ in range(3):
        done = run(site, "check")
        assert done.returncode in (0, 3), done.stdout + done.stderr
        said(done, done.returncode)


def test_process_that_ends_in_mid_check_is_left_out(site: Site) -> None:
    site.write("app/words.py", READS_ENV)
    site.write(".env", "GREETING=one\n")
    server = site.serve()

    class Late(LocalHost):
        def read(self, path: str, limit: int | None = None) -> bytes:
            if path == f"/proc/{server.pid}/environ" and self.armed:
                server.kill()
                server.wait()
            return super().read(path, limit)

        armed = False

    host = Late()
    facts = Facts(find_project(site.root, host), host)
    from unstale.facts.app_processes import AppProcesses

    assert [each.pid for each in facts.get(AppProcesses).processes] == [server.pid]
    host.armed = True
    assert facts.get(EnvFiles).reads == ()


def test_zombie_is_no_process_of_the_project(site: Site) -> None:
    site.serve()
    line = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-m', 'uvicorn', '--help']); print('ready', flush=True); time.sleep(60)"
    parent = site.run([sys.executable, "-c", line])
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    wait_for(lambda: children.read_text().split())
    child = children.read_text().split()[0]
    wait_for(lambda: ") Z " in Path(f"/proc/{child}/stat").read_text())
    said(run(site, "check"), 0)
    assert child not in run(site, "ps").stdout


def test_stopped_server_is_unknown_within_seconds(site: Site) -> None:
    server = site.serve()
    server.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    unknown(site, "did not answer", code="HTP012")
    assert time.monotonic() - began < 8


def test_stopped_server_is_not_hidden_by_one_that_answers(site: Site) -> None:
    from conftest import free_port

    stopped = site.serve()
    silent, site.port = site.port, free_port()
    site.serve()
    stopped.send_signal(signal.SIGSTOP)
    unknown(site, f":{silent}", code="HTP012")


def test_health_route_that_hangs_is_unknown_within_seconds(site: Site) -> None:
    hanging = '\n\n@app.get("/health/db")\ndef db() -> None:\n    import time\n    time.sleep(20)\n'
    site.write("app/main.py", APP + hanging)
    site.commit()
    site.serve()
    began = time.monotonic()
    unknown(site, "/health/db", code="HTP012")
    assert time.monotonic() - began < 8
