"""Reset of a small project: what it makes anew, what it leaves, what it says, and what a failure leaves running."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from uv import find_uv_bin
from yard import CANARY, LOCK, MANIFEST, Yard, differing, erase, fingerprint

from lab.waiting import wait_for
from unstale.hands import ticks


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    made = Yard(tmp_path_factory.mktemp("yard"))
    made.root.mkdir()
    made.lay()
    return made


@pytest.fixture
def yard(laid: Yard, tmp_path: Path) -> Iterator[Yard]:
    copy = laid.copy(tmp_path / "mine")
    try:
        yield copy
    finally:
        erase(copy)


def inode(path: Path) -> int:
    return path.stat().st_ino


def alone(yard: Yard) -> None:
    """Leave only the back end, which is quicker."""
    yard.write("unstale.toml", '[backend]\napp = "app.main:app"\n')
    shutil.rmtree(yard.front)


# --- what runs, and who may stop it


def test_reset_makes_everything_anew_and_one_undo_brings_the_same_bytes_back(yard: Yard) -> None:
    yard.serve()
    before, argv = fingerprint(yard.root), yard.argv()
    places = [yard.root / ".venv", yard.front / "node_modules"]
    inodes = [inode(each) for each in places]
    done = yard.unstale("reset", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the new state runs, " in done.stderr and "MB kept in .unstale/trash/" in done.stderr
    assert yard.argv() == argv
    assert all(inode(each) != old for each, old in zip(places, inodes, strict=True))
    assert yard.unstale("undo", "--yes").returncode == 0
    assert [inode(each) for each in places] == inodes
    assert differing(before, fingerprint(yard.root)) == []
    assert yard.argv() == argv
    assert yard.unstale("log", "--verify").returncode == 0


def test_what_starts_a_server_is_kept_for_us_alone_and_emptied(yard: Yard) -> None:
    alone(yard)
    yard.serve()
    done = yard.unstale("reset", "--yes")
    assert done.returncode == 0, done.stderr
    kept = yard.stopped()
    assert kept and [each.stat().st_size for each in kept] == [0] * len(kept)
    assert {each.stat().st_mode & 0o777 for each in kept} == {0o600}
    assert kept[0].parent.stat().st_mode & 0o777 == 0o700
    assert yard.unstale("undo", "--yes").returncode == 0
    said = done.stdout + done.stderr + yard.unstale("log", "--format", "json").stdout
    assert CANARY not in said
    holding = [
        each
        for each in (*yard.state.rglob("*"), *(yard.root / ".unstale").rglob("*"))
        if each.is_file() and CANARY.encode() in each.read_bytes()
    ]
    assert holding == []
    assert CANARY.encode() in Path(f"/proc/{(yard.answer() or {})['pid']}/environ").read_bytes()


def test_terminal_is_named_before_consent_and_left_to_its_person(yard: Yard) -> None:
    alone(yard)
    pid = yard.serve(terminal=True)
    asked = yard.unstale("reset")
    assert asked.returncode == 2
    assert f"kill -TERM {pid}   # in a terminal: " in asked.stderr
    assert ticks(pid) is not None
    done = yard.unstale("reset", "--yes")
    assert done.returncode == 0, done.stderr
    assert f"yours to start: cd {yard.root} && {yard.python} -m app.main" in done.stdout
    assert yard.answer() is None


def test_detach_starts_what_ran_in_a_terminal_with_a_log_of_its_own(yard: Yard) -> None:
    alone(yard)
    yard.serve(terminal=True)
    argv = yard.argv()
    done = yard.unstale("reset", "--yes", "--detach")
    assert done.returncode == 0, done.stderr
    assert yard.argv() == argv
    log = Path(done.stdout.partition("it writes to ")[2].split()[0])
    assert log.name.endswith(".log")
    wait_for(lambda: "asked" in log.read_text())


def test_failure_names_the_terminal_that_is_left(yard: Yard) -> None:
    alone(yard)
    yard.serve(terminal=True)
    yard.write("requirements.txt", f"{LOCK}tiny==9.9\n")
    done = yard.unstale("reset", "--yes")
    assert done.returncode == 1
    assert f"yours to start: cd {yard.root} && {yard.python} -m app.main" in done.stderr


def test_other_projects_and_strangers_here_go_on(laid: Yard, yard: Yard, tmp_path: Path) -> None:
    other = laid.copy(tmp_path / "other")
    try:
        others = other.serve()
        stranger = yard.spawn(["sleep", "600"])
        mine = yard.serve()
        before = fingerprint(other.root)
        assert yard.unstale("reset", "--yes").returncode == 0
        assert ticks(others) is not None and ticks(stranger) is not None
        assert other.answer() is not None and (yard.answer() or {})["pid"] != mine
        assert differing(before, fingerprint(other.root)) == []
    finally:
        erase(other)


def test_two_processes_alike_are_both_started_again(yard: Yard) -> None:
    alone(yard)
    yard.write(
        "app/main.py",
        "app = None\nif __name__ == '__main__':\n    import time\n\n    time.sleep(600)\n",
    )
    argv = [str(yard.python), "-m", "app.main"]
    old = [yard.spawn(argv), yard.spawn(argv)]
    done = yard.unstale("reset", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [ticks(each) for each in old] == [None, None]
    rows = json.loads(yard.unstale("ps", "--format", "json").stdout)["processes"]
    assert len(rows) == 2


def test_dry_run_changes_nothing(yard: Yard) -> None:
    pid = yard.serve()
    whole = fingerprint(yard.root, ())
    done = yard.unstale("reset", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "install node modules anew" in done.stdout
    assert differing(whole, fingerprint(yard.root, ())) == []
    assert not yard.state.exists()
    assert (yard.answer() or {})["pid"] == pid


# --- parts


def test_only_the_front_end(yard: Yard) -> None:
    pid, environment = yard.serve(), inode(yard.root / ".venv")
    modules = inode(yard.front / "node_modules")
    assert yard.unstale("reset", "--yes", "--only", "frontend").returncode == 0
    assert (yard.answer() or {})["pid"] == pid
    assert inode(yard.root / ".venv") == environment
    assert inode(yard.front / "node_modules") != modules


def test_only_the_back_end(yard: Yard) -> None:
    pid, environment = yard.serve(), inode(yard.root / ".venv")
    modules = inode(yard.front / "node_modules")
    assert yard.unstale("reset", "--yes", "--only", "backend").returncode == 0
    assert (yard.answer() or {"pid": pid})["pid"] != pid
    assert inode(yard.root / ".venv") != environment
    assert inode(yard.front / "node_modules") == modules


def test_only_a_database_at_its_head_stops_nobody(yard: Yard) -> None:
    pid = yard.serve()
    done = yard.unstale("reset", "--yes", "--only", "database")
    assert done.returncode == 0
    assert "nothing to make anew" in done.stdout
    assert (yard.answer() or {})["pid"] == pid


def test_caches_are_bypassed_on_demand(yard: Yard, tmp_path: Path) -> None:
    for words, filled in (("--no-cache",), False), ((), True):
        caches = [tmp_path / f"{name}{filled}" for name in ("uv", "npm")]
        more = {"UV_CACHE_DIR": str(caches[0]), "npm_config_cache": str(caches[1])}
        done = yard.unstale("reset", "--yes", *words, **more)
        assert done.returncode == 0, done.stderr
        assert (caches[0] / "archive-v0").exists() is filled
        assert (caches[1] / "_cacache").exists() is filled


# --- versions


def test_without_a_lock_the_same_versions_come_back_and_none_is_written(yard: Yard) -> None:
    yard.write("requirements.txt", f"{LOCK}tiny>=1.0\n")
    (yard.front / "package-lock.json").unlink()
    names = {*fingerprint(yard.root)}
    before, inside = yard.versions(), yard.front / "node_modules/.package-lock.json"
    modules = json.loads(inside.read_text())["packages"]
    done = yard.unstale("reset", "--yes")
    assert done.returncode == 0, done.stderr
    assert before == yard.versions() == {"deep": "1.0", "tiny": "1.0"}
    assert json.loads(inside.read_text())["packages"] == modules
    assert not (yard.front / "package-lock.json").exists()
    assert {*fingerprint(yard.root)} - names == set()


def test_what_a_list_of_direct_pins_leaves_open_stays_at_its_version(yard: Yard) -> None:
    yard.write("requirements.txt", f"{LOCK}tiny==1.0\n")
    assert yard.unstale("reset", "--yes", "--only", "backend").returncode == 0
    assert yard.versions() == {"deep": "1.0", "tiny": "1.0"}


def test_lock_that_moved_on_decides(yard: Yard) -> None:
    yard.write("requirements.txt", f"{LOCK}tiny==1.1\ndeep==1.1\n")
    yard.install("--no-index", "--find-links", "wheels", "extra")
    assert yard.unstale("reset", "--yes", "--only", "backend").returncode == 0
    assert yard.versions() == {"deep": "1.1", "tiny": "1.1"}


def test_pip_editables_and_the_view_of_the_systems_packages_come_back(yard: Yard) -> None:
    yard.write("parts/pyproject.toml", '[project]\nname = "own"\nversion = "1.0"\n')
    yard.write("parts/own.py", "HERE = 1\n")
    shutil.rmtree(yard.root / ".venv")
    yard.run(find_uv_bin(), "venv", "-q", "--seed", "--system-site-packages", ".venv")
    yard.install("-r", "requirements.txt")
    yard.install("-e", "./parts")
    before, configured = yard.versions(), (yard.root / ".venv/pyvenv.cfg").read_text()
    done = yard.unstale("reset", "--yes", "--only", "backend")
    assert done.returncode == 0, done.stderr
    assert {"pip", "own"} <= {*yard.versions()} == {*before}
    assert "include-system-site-packages = true" in configured
    assert "include-system-site-packages = true" in (yard.root / ".venv/pyvenv.cfg").read_text()
    where = yard.run(str(yard.python), "-c", "import own; print(own.__file__)")
    assert where.strip() == str(yard.root / "parts/own.py")


# --- failures


def no_such_version(yard: Yard) -> None:
    yard.write("requirements.txt", f"{LOCK}tiny==9.9\n")


def lock_differs(yard: Yard) -> None:
    needs = {"small": "file:vendor/small-1.0.0.tgz", "more": "1.0.0"}
    yard.write("web/package.json", json.dumps({**MANIFEST, "dependencies": needs}))


def build_fails(yard: Yard) -> None:
    yard.write("web/build.mjs", "process.exit(7);\n")


def server_needs_what_no_lock_names(yard: Yard) -> None:
    yard.install("--no-index", "--find-links", "wheels", "extra")
    yard.write("app/main.py", (yard.root / "app/main.py").read_text() + "\n")


def trash_cannot_be_used(yard: Yard) -> None:
    yard.write(".unstale/trash", "a file")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_such_version, "uv did not install"),
        (lock_differs, "npm failed"),
        (build_fails, "npm failed"),
        (trash_cannot_be_used, ""),
        (server_needs_what_no_lock_names, "the restarted process"),
    ],
)
def test_failure_in_the_middle_leaves_the_former_state_running(yard: Yard, spoil, words) -> None:
    if spoil is server_needs_what_no_lock_names:
        yard.install("--no-index", "--find-links", "wheels", "extra")
        source = (yard.root / "app/main.py").read_text()
        yard.write("app/main.py", source.replace("import tiny\n", "import extra\nimport tiny\n"))
    yard.serve()
    argv, before = yard.argv(), fingerprint(yard.root)
    spoil(yard)
    spoilt = fingerprint(yard.root)
    done = yard.unstale("reset", "--yes")
    assert done.returncode == 1, done.stdout + done.stderr
    assert words in done.stdout
    assert "the former state runs, " in done.stderr
    assert yard.argv() == argv
    now = fingerprint(yard.root, (".git", ".unstale", "__pycache__"))
    assert [each for each in differing(spoilt, now) if "__pycache__" not in each] == []
    assert before.keys() - spoilt.keys() == set()
    assert yard.unstale("log", "--verify").returncode == 0
    assert yard.unstale("undo", "--yes").stdout.startswith("nothing to undo")
    assert [each.stat().st_size for each in yard.stopped()] in ([0], [])


def test_what_a_later_step_would_refuse_is_refused_before_anything_stops(
    yard: Yard, tmp_path: Path
) -> None:
    pid = yard.serve()
    place = tmp_path / "bin"
    place.mkdir()
    for name in ("git", "node"):
        (place / name).symlink_to(shutil.which(name) or "")
    done = yard.unstale("reset", "--yes", PATH=str(place))
    assert done.returncode == 2
    assert "npm is not installed on this machine" in done.stderr
    assert (yard.answer() or {})["pid"] == pid


def slow(yard: Yard) -> subprocess.Popen[bytes]:
    """Begin a reset whose build takes long; return when the build has begun."""
    yard.write(
        "web/build.mjs",
        'import fs from "node:fs";\nfs.writeFileSync("begun", "");\n'
        'setTimeout(() => fs.writeFileSync("late", ""), 60000);\n',
    )
    reset = subprocess.Popen(
        yard.tool("reset", "--yes"),
        cwd=yard.root,
        env=yard.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_for((yard.front / "begun").exists)
    return reset


def builders(yard: Yard) -> list[str]:
    """Return who stands in the front end."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{name}/cwd") == str(yard.front):
                found.append(name)
        except OSError:
            continue
    return found


def test_interrupt_takes_back_at_once(yard: Yard) -> None:
    yard.serve()
    argv, inodes = yard.argv(), [inode(yard.root / ".venv"), inode(yard.front / "node_modules")]
    reset = slow(yard)
    os.killpg(reset.pid, signal.SIGINT)
    _, err = reset.communicate(timeout=60)
    assert reset.returncode == 130, err
    assert b"interrupted: what was done is taken back" in err
    assert yard.argv() == argv
    assert [inode(yard.root / ".venv"), inode(yard.front / "node_modules")] == inodes
    assert yard.unstale("log", "--verify").returncode == 0


def test_build_of_a_killed_reset_is_ended_before_its_place_is_taken_back(yard: Yard) -> None:
    yard.serve()
    argv, modules = yard.argv(), inode(yard.front / "node_modules")
    reset = slow(yard)
    reset.kill()
    reset.communicate()
    assert builders(yard) != []
    decided = yard.unstale("fix", "GIT004", "--yes")
    assert decided.returncode == 0, decided.stderr
    assert builders(yard) == []
    assert yard.argv() == argv
    assert inode(yard.front / "node_modules") == modules
    assert yard.unstale("log", "--verify").returncode == 0


def test_kill_during_an_install_without_a_lock_leaves_no_lock(yard: Yard) -> None:
    (yard.front / "package-lock.json").unlink()
    manifest = {
        **MANIFEST,
        "scripts": {**MANIFEST["scripts"], "preinstall": "sleep 60", "install": "sleep 60"},
    }
    yard.write("web/package.json", json.dumps(manifest))
    reset = subprocess.Popen(
        yard.tool("reset", "--yes", "--only", "frontend"),
        cwd=yard.root,
        env=yard.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_for(
        lambda: (
            (yard.front / "package-lock.json").exists()
            and not (yard.front / "node_modules/.package-lock.json").exists()
        )
    )
    time.sleep(0.5)
    reset.kill()
    reset.communicate()
    assert yard.unstale("fix", "GIT004", "--yes").returncode == 0
    assert not (yard.front / "package-lock.json").exists()
    assert (yard.front / "node_modules/small/package.json").exists()
    assert yard.unstale("log", "--verify").returncode == 0


def test_server_that_still_ends_when_its_reset_is_killed_is_started_again(yard: Yard) -> None:
    """It was told to end and takes its time: it must not count as running."""
    alone(yard)
    source = (yard.root / "app/main.py").read_text()
    drain = "import signal, time\nsignal.signal(signal.SIGTERM, lambda *_: (time.sleep(4), os._exit(0)))\n"
    yard.write("app/main.py", source.replace("import tiny\n", f"import tiny\n{drain}"))
    pid = yard.serve()
    reset = subprocess.Popen(
        yard.tool("reset", "--yes"),
        cwd=yard.root,
        env=yard.environ(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: any(each.suffix == ".json" for each in yard.stopped()))
    time.sleep(0.3)
    reset.kill()
    reset.wait()
    assert ticks(pid) is not None
    assert yard.unstale("fix", "GIT004", "--yes").returncode == 0
    wait_for(lambda: (yard.answer() or {"pid": pid})["pid"] != pid)
    assert ticks(pid) is None
    assert yard.unstale("log", "--verify").returncode == 0
