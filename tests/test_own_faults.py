"""When the machine fails us: what the user sees, and that nothing is lost."""

from __future__ import annotations

import compileall
import os
import pty
import select
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from changes import Clock, Migrate, done, filled, found, mounted, project, rows, sql, trash, undone
from conftest import Site
from test_bad_input import run, said

from unstale.actions.process import End
from unstale.cli import program
from unstale.fact import Facts
from unstale.hands import ticks
from unstale.journal import Journal
from unstale.layer import Risk
from unstale.local import LocalHost
from unstale.perform import begin, perform
from unstale.plan import Plan, Step
from unstale.undo import last_undoable

NOBODY = 65534


def littered(site: Site) -> Path:
    """Give the site an environment, and a .pyc that outlives its source: a safe step with an undo."""
    venv.create(site.root / ".venv", with_pip=False, symlinks=True)
    site.write(".gitignore", "__pycache__/\n*.pyc\n.venv/\n.unstale/\n")
    site.write("requirements.txt", "")
    source = site.write("app/plugin.py", "NAME = 1\n")
    compileall.compile_file(source, legacy=True, quiet=1)
    source.unlink()
    site.commit()
    return source.with_suffix(".pyc")


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return project(tmp_path)


# --- full disks


def page_filled(path: Path) -> None:
    """Lengthen the journal to whole pages: a filesystem that is full still has room in a file's last one."""
    journal, now = Journal(path.parent), datetime.now(UTC)
    name = journal.lines()[-1].run
    before = path.stat().st_size
    journal.append(now, name, "note", {"why": ""})
    size = path.stat().st_size
    room = 4096 - (2 * size - before) % 4096
    journal.append(now, name, "note", {"why": "x" * room})
    assert path.stat().st_size % 4096 == 0


def test_full_state_directory_changes_nothing_and_is_said(site: Site, tmp_path: Path) -> None:
    pyc = littered(site)
    with mounted(tmp_path / "state", "1m") as state:
        ballast = filled(state)
        said(run(site, "fix", "--yes"), 2, "No space left on device", "next: ")
        assert pyc.exists()
        ballast.unlink()
        said(run(site, "fix", "--yes"), 0, "take it back: unstale undo")
        assert not pyc.exists()
        page_filled(next(state.rglob("journal.jsonl")))
        ballast = filled(state)
        said(run(site, "undo", "--yes"), 2, "No space left on device", "Make room there")
        assert not pyc.exists()
        said(run(site, "log", "--verify"), 0)
        ballast.unlink()
        said(run(site, "undo", "--yes"), 0)
        assert pyc.exists()


def test_full_project_disk_fails_the_step_and_moves_nothing(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "8m") as disk:
        site = Site(disk / "site", tmp_path / "state")
        site.root.mkdir()
        site.write("app/__init__.py", "")
        site.write("app/main.py", "from fastapi import FastAPI\napp = FastAPI()\n")
        site.git("init", "-q")
        pyc = littered(site)
        ballast = filled(disk)
        said(run(site, "fix", "PYC003", "--yes"), 1, "failed", "No space left on device")
        assert pyc.exists()
        ballast.unlink()
        said(run(site, "fix", "PYC003", "--yes"), 0)
        filled(disk)
        said(run(site, "undo", "--yes"), 0)  # a rename needs no room
        assert pyc.exists()


def test_backup_that_finds_no_room_leaves_the_database(facts: Facts, tmp_path: Path) -> None:
    path = facts.project.root / "shop.db"
    sql(path, "CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('a')")
    sql(path, f"INSERT INTO note VALUES ('{'x' * 400_000}')")
    with mounted(tmp_path / "state", "256k"):
        facts = found(facts.project.root)
        action = Migrate(str(path), "ALTER TABLE note ADD one TEXT")
        todo = Plan((Step(action, ()),))
        (outcome,) = perform(begin(facts, "fix"), todo, facts, limit=Risk.DESTRUCTIVE, say=str)
        assert outcome.state == "failed"
        assert "database or disk is full" in outcome.note
        assert [row[1] for row in sql(path, "PRAGMA table_info(note)")] == ["text"]
        assert len(rows(path)) == 2


# --- permissions


def test_read_only_directory_is_said_and_nothing_is_lost(site: Site) -> None:
    pyc = littered(site)
    pyc.parent.chmod(0o555)
    try:
        said(run(site, "fix", "PYC003", "--yes"), 1, "failed", "Permission denied")
        assert pyc.exists()
        pyc.parent.chmod(0o755)
        said(run(site, "fix", "PYC003", "--yes"), 0)
        pyc.parent.chmod(0o555)
        said(run(site, "undo", "--yes"), 1, "was not taken back", "Permission denied")
        assert not pyc.exists()
    finally:
        pyc.parent.chmod(0o755)
    said(run(site, "undo", "--yes"), 0)
    assert pyc.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_what_is_another_users_is_left_alone_in_words(site: Site) -> None:
    """State and project of another user, shut to us."""
    pyc = littered(site)
    said(run(site, "fix", "PYC003", "--yes"), 0)
    for place in (site.state, site.root / ".unstale"):
        for path in (place, *place.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    for words in (("undo", "--yes"), ("log",), ("log", "--verify")):
        said(run(site, *words), 2, "Permission denied", "next: ")
    for path in (site.state, *site.state.rglob("*")):
        os.chown(path, 0, 0)
    said(run(site, "log", "--verify"), 1, "could not be looked at", "Permission denied")
    said(run(site, "undo", "--yes"), 2, "Permission denied")
    assert not pyc.exists()
    for path in (site.root / ".unstale", *(site.root / ".unstale").rglob("*")):
        os.chown(path, 0, 0)
    said(run(site, "undo", "--yes"), 0)
    assert pyc.exists()


# --- processes

REUSED = """\
import os, signal, subprocess, sys, time
from unstale.hands import alive, signal_exactly, ticks
from unstale.host import Ident

def sleeper():
    return subprocess.Popen(["sleep", "60"])

first = sleeper()
ident = Ident(first.pid, ticks(first.pid))
assert alive(ident)
time.sleep(0.05)  # a later start in ticks of 10 ms
first.kill(); first.wait()
assert not signal_exactly(ident, signal.SIGTERM)
for _ in range(50):
    with open("/proc/sys/kernel/ns_last_pid", "w") as last:
        last.write(str(ident.pid - 1))
    second = sleeper()
    if second.pid == ident.pid:
        break
    second.kill(); second.wait()
assert second.pid == ident.pid, "the pid was not given again"
assert not alive(ident)
assert signal_exactly(ident, signal.SIGKILL) is False
time.sleep(0.05)
assert second.poll() is None, "a stranger was hit"
assert signal_exactly(Ident(second.pid, ticks(second.pid)), signal.SIGTERM)
assert second.wait() == -signal.SIGTERM
print("spared")
"""


def test_process_that_took_over_the_pid_is_never_hit() -> None:
    """In a PID namespace of its own, where the next pid can be chosen (pid_namespaces(7), ns_last_pid)."""
    argv = [
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        sys.executable,
        "-c",
        REUSED,
    ]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    if "Operation not permitted" in ran.stderr:
        assert not os.environ.get("CI"), ran.stderr
        pytest.skip("no PID namespace can be made without root")
    assert ran.stdout == "spared\n", ran.stderr


def test_stopped_server_is_restarted_all_the_same(site: Site) -> None:
    """TERM waits in a stopped process; CONT lets it through."""
    server = site.serve()
    site.old()
    site.write("app/words.py", 'GREETING = "two"\n')
    site.commit()
    server.send_signal(signal.SIGSTOP)
    said(run(site, "fix", "PRC001", "--yes"), 0, "restart process")
    assert server.wait(5) in (0, -signal.SIGTERM)
    assert site.answer() == {"hello": "two"}


class Hasty(LocalHost):
    """Waits a fiftieth of the time."""

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / 50)


def test_process_that_ignores_term_is_not_killed_but_named(facts: Facts) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
    try:
        assert child.stdout
        child.stdout.readline()
        action = End(child.pid, ticks(child.pid) or 0, "deaf")
        hasty = found(facts.project.root, Hasty(changing=True))
        todo = Plan((Step(action, ()),))
        (outcome,) = perform(begin(hasty, "fix"), todo, hasty, limit=Risk.DISRUPTIVE, say=str)
        assert outcome.state == "failed"
        assert f"process {child.pid} did not end" in outcome.note
        assert f"ps -o pid,stat,args -p {child.pid}" in outcome.note
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()
        if child.stdout:
            child.stdout.close()


# --- time


def test_order_is_the_journals_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    clock = Clock()
    facts = project(tmp_path, clock)
    one = facts.project.root / "one"
    runs = []
    for days in (0, 4000, -8000):
        clock.pass_by(days=days)
        one.write_text(str(days))
        runs.append(done(facts, trash(one)))
    journal = begin(facts, "check").journal
    for run_, text in zip(reversed(runs), ("-8000", "4000", "0"), strict=True):
        assert last_undoable(journal) == run_
        undone(facts, run_)
        assert one.read_text() == text
        one.unlink()


# --- kills


def killed(number: int, place: Path, *words: str) -> bool:
    """Run the words in a child that is killed before its call of that number on a file of the place."""
    child = os.fork()
    if child == 0:
        left = number

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if any(
                str(place) in os.fsdecode(each)
                for each in arguments
                if isinstance(each, str | bytes)
            ):
                left -= event == "open" or event.startswith(("os.", "sqlite3.connect"))
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            os._exit(program.run(words))
        finally:
            os._exit(99)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


def test_undo_that_is_killed_at_any_call_loses_no_row_and_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two files and a database with a row that is given up: after each kill the row is live or kept."""
    number, again = 1, True
    while again:
        place = tmp_path / str(number)
        place.mkdir()
        monkeypatch.setenv("XDG_STATE_HOME", str(place / "state"))
        facts = project(place)
        monkeypatch.chdir(facts.project.root)
        files = [facts.project.root / name for name in ("one", "two")]
        for each in files:
            each.write_text(each.name)
        shop = facts.project.root / "shop.db"
        sql(shop, "CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('a')")
        name = done(facts, trash(*files), Migrate(str(shop), "ALTER TABLE note ADD one TEXT"))
        sql(shop, "INSERT INTO note (text) VALUES ('mine')")
        again = killed(number, place, "undo", name, "--yes", "--accept-data-loss=1")
        live = rows(shop)
        assert live in (["a", "mine"], ["a"]), number
        if "mine" not in live:
            (replaced,) = place.rglob("replaced.db")
            assert rows(replaced) == ["a", "mine"], number
        more = ["--accept-data-loss=1"] if "mine" in live else []
        assert program.run(("undo", name, "--yes", *more)) == 0, number
        assert rows(shop) == ["a"], number
        assert [each.read_text() for each in files] == ["one", "two"], number
        number += 3 if again else 0
    assert number > 40
    print(f"\nkilled at every third of {number} calls: no row and no file was lost")


# --- two at once


@pytest.fixture
def asking(site: Site) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """An undo on a terminal, waiting for its answer."""
    littered(site)
    said(run(site, "fix", "--yes"), 0)
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-m", "unstale", "undo"]
    how = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    child = subprocess.Popen(argv, cwd=site.root, env=site.environ(), **how)  # type: ignore[call-overload]
    os.close(theirs)
    text = b""
    while b"Take this back?" not in text:
        ready, _, _ = select.select([ours], [], [], 30)
        assert ready, text
        text += os.read(ours, 4096)
    yield child, ours
    if child.poll() is None:
        child.kill()
    child.wait()
    os.close(ours)


def test_second_run_is_exit_5_and_names_the_first(
    site: Site, asking: tuple[subprocess.Popen[bytes], int]
) -> None:
    first, terminal = asking
    for words in (("fix", "--yes"), ("undo", "--yes")):
        said(
            run(site, *words), 5, "another run is at work", "undo by", f"(pid {first.pid})", "since"
        )
    said(run(site, "log", "--verify"), 0)  # looking waits for nobody
    os.write(terminal, b"n\n")
    assert first.wait(20) == 2
    said(run(site, "undo", "--yes"), 0)


def test_lock_dies_with_its_holder(site: Site, asking: tuple[subprocess.Popen[bytes], int]) -> None:
    first, _ = asking
    first.kill()
    first.wait()
    said(run(site, "undo", "--yes"), 0)


# --- other filesystems


def test_state_directory_on_another_filesystem(site: Site, tmp_path: Path) -> None:
    pyc = littered(site)
    before = pyc.read_bytes(), pyc.stat().st_mtime_ns
    with mounted(tmp_path / "state", "16m"):
        said(run(site, "fix", "--yes"), 0)
        said(run(site, "log", "--verify"), 0)
        said(run(site, "undo", "--yes"), 0)
        assert (pyc.read_bytes(), pyc.stat().st_mtime_ns) == before


def test_trash_on_another_filesystem(site: Site) -> None:
    """A container's volume at .unstale: what is moved is copied, compared, and comes back."""
    pyc = littered(site)
    before = pyc.read_bytes(), pyc.stat().st_mtime_ns
    with mounted(site.root / ".unstale", "16m") as volume:
        said(run(site, "fix", "--yes"), 0)
        assert not pyc.exists()
        assert list(volume.rglob("0-plugin.pyc"))
        said(run(site, "undo", "--yes"), 0)
        assert (pyc.read_bytes(), pyc.stat().st_mtime_ns) == before


def test_database_that_a_step_made_moves_to_the_state_of_another_filesystem(
    facts: Facts, tmp_path: Path
) -> None:
    path = facts.project.root / "new.db"
    with mounted(tmp_path / "state", "16m") as state:
        facts = found(facts.project.root)
        undone(facts, done(facts, Migrate(str(path), "CREATE TABLE note (text TEXT)")))
        assert not path.exists()
        (kept,) = state.rglob("new.db")
        assert rows(kept) == []
