"""A release's directory: what is in it, what leads out of it, and what is left when it is cut off."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from changes import filled, mounted, undone
from release_yard import committed, facts_of, head, home, known, releasable, release, released, tree

from unstale.actions.make_release import DiscardRelease, FinishRelease, MakeRelease
from unstale.actions.releasing import Wanted, releasing
from unstale.deploy.manifest import change
from unstale.deploy.shared import links
from unstale.errors import Failed, Refused, UsageError
from unstale.journal import Journal
from unstale.local import LocalHost
from unstale.recover import recover, undecided

if TYPE_CHECKING:
    from conftest import Site


@pytest.fixture
def shop(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("XDG_STATE_HOME", str(site.state))
    releasable(site)
    site.state.mkdir(exist_ok=True)
    with closing(sqlite3.connect(site.root / "app.db")) as db, db:
        db.execute("CREATE TABLE note (text TEXT)")
    return site


def made(site: Site, *, dirty: bool = False) -> Path:
    (outcome,) = release(site, only=1, dirty=dirty)
    assert outcome.state == "done", outcome.note
    return home(site).release(known(site)[-1].id)


def test_release_is_the_commit_and_nothing_of_the_working_tree(shop: Site) -> None:
    shop.write("app/words.py", 'GREETING = "an edit"\n')
    shop.write("app/new.py", "")
    before = shop.git("status", "--porcelain=v2")
    index = (shop.root / ".git/index").read_bytes()
    place = made(shop)
    assert (place / "app/words.py").read_text() == 'GREETING = "one"\n'
    assert not (place / "app/new.py").exists()
    assert (place / "BUILDING").exists()
    assert shop.git("status", "--porcelain=v2") == before
    assert (shop.root / ".git/index").read_bytes() == index
    (manifest,) = known(shop)
    assert (manifest.commit, manifest.dirty, manifest.status) == (head(shop), False, "building")
    assert manifest.tree == head(shop, "HEAD^{tree}")
    assert place.name == f"{place.name[:15]}-{head(shop)[:7]}"


def test_working_tree_is_released_with_what_git_does_not_ignore(shop: Site) -> None:
    shop.write("app/words.py", 'GREETING = "an edit"\n')
    shop.write("app/new.py", "")
    (shop.root / "app/__init__.py").unlink()
    shop.git("add", "app/new.py")
    objects = sorted((shop.root / ".git/objects").rglob("*"))
    before = shop.git("status", "--porcelain=v2")
    place = made(shop, dirty=True)
    assert (place / "app/words.py").read_text() == 'GREETING = "an edit"\n'
    assert (place / "app/new.py").exists()
    assert not (place / "app/__init__.py").exists()
    assert not (place / ".unstale").exists()
    assert shop.git("status", "--porcelain=v2") == before
    assert sorted((shop.root / ".git/objects").rglob("*")) == objects
    assert known(shop)[0].dirty


@pytest.mark.parametrize("said", ['"site"', '"."', '".."', "7", '""'])
def test_home_among_the_code_or_above_it_is_a_usage_error(shop: Site, said: str) -> None:
    shop.write("unstale.toml", f"[deploy]\nhome = {said}\n")
    with pytest.raises(UsageError, match="cannot use"):
        home(shop)


def test_release_is_taken_back_by_undo_until_it_is_committed(shop: Site) -> None:
    facts = facts_of(shop)
    steps = releasing(facts, Wanted(head(shop), server="uvicorn"))
    chosen = [each for each in steps if isinstance(each, MakeRelease | FinishRelease)]
    released(facts, *chosen)
    run = Journal(facts.project.state).lines()[-1].run
    (manifest,) = known(shop)
    committed(shop, manifest)
    with pytest.raises(Refused, match="it was deployed"):
        undone(facts, run)
    change(facts.host, home(shop), manifest.id, status="ready")
    undone(facts, run)
    assert os.listdir(home(shop).releases) == []


def test_database_env_file_and_uploads_are_linked_and_stay_where_they_are(shop: Site) -> None:
    place = made(shop)
    leads = {path: target for path, target in tree(place).items() if isinstance(target, str)}
    assert leads == {name: str(shop.root / name) for name in (".env", "app.db", "uploads")}
    with closing(sqlite3.connect(place / "app.db")) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("INSERT INTO note VALUES ('through the release')")
        assert (shop.root / "app.db-wal").exists()
    assert not (shop.root / "app.db").is_symlink()


def test_database_that_is_not_there_yet_is_made_in_its_one_place(shop: Site) -> None:
    (shop.root / "app.db").unlink()
    place = made(shop)
    with closing(sqlite3.connect(place / "app.db")) as db, db:
        db.execute("CREATE TABLE note (text TEXT)")
    assert (shop.root / "app.db").stat().st_size > 0
    assert (place / "app.db").is_symlink()


def test_database_that_git_keeps_is_the_live_one_all_the_same(shop: Site) -> None:
    shop.git("add", "-f", "app.db")
    shop.commit("a database in git")
    with closing(sqlite3.connect(shop.root / "app.db")) as db, db:
        db.execute("INSERT INTO note VALUES ('later')")
    place = made(shop)
    assert (place / "app.db").readlink() == shop.root / "app.db"
    with closing(sqlite3.connect(place / "app.db")) as db:
        assert db.execute("SELECT text FROM note").fetchall() == [("later",)]


def test_env_file_that_git_keeps_is_the_commits(shop: Site) -> None:
    shop.git("add", "-f", ".env")
    shop.commit("an env file in git")
    place = made(shop)
    assert not (place / ".env").is_symlink()


def test_nothing_is_linked_through_a_link_out_of_the_release(shop: Site, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "app.db").write_bytes((shop.root / "app.db").read_bytes())
    (shop.root / "data").symlink_to(outside)
    shop.write(".env", "DATABASE_URL=sqlite:///./data/app.db\n")
    shop.commit("data elsewhere")
    before = (outside / "app.db").read_bytes()
    place = made(shop)
    assert (place / "data").readlink() == outside
    assert not (outside / "app.db").is_symlink()
    assert (outside / "app.db").read_bytes() == before


def test_shared_path_below_a_link_elsewhere_is_refused(shop: Site, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kept.txt").write_text(name)
    (shop.root / "data").symlink_to(tmp_path / "one")
    shop.write("unstale.toml", '[deploy]\nshared = ["data/kept.txt"]\n')
    shop.commit("data elsewhere")
    (shop.root / "data").unlink()
    (shop.root / "data").symlink_to(tmp_path / "two")
    (outcome,) = release(shop, only=1)
    assert outcome.state == "failed"
    assert "out of the release" in outcome.note
    assert (tmp_path / "one/kept.txt").read_text() == "one"
    assert known(shop) == ()


def test_what_a_person_put_into_shared_wins(shop: Site) -> None:
    shop.write(".unstale/site/shared/.env", "DATABASE_URL=sqlite:///./app.db\nA=1\n")
    place = made(shop)
    assert (place / ".env").readlink() == home(shop).shared / ".env"


@pytest.mark.parametrize("said", ['"uploads"', '["../x"]', '["/etc"]', "[1]", '["."]'])
def test_shared_that_is_no_list_of_inner_paths_is_a_usage_error(shop: Site, said: str) -> None:
    shop.write("unstale.toml", f"[deploy]\nshared = {said}\n")
    facts = facts_of(shop)
    with pytest.raises(UsageError, match="shared in"):
        links(facts, home(shop), head(shop))


def test_shared_that_is_nowhere_is_refused_with_what_to_make(shop: Site) -> None:
    shop.write("unstale.toml", '[deploy]\nshared = ["avatars"]\n')
    with pytest.raises(Refused, match=f"mkdir -p {shop.root}/avatars"):
        links(facts_of(shop), home(shop), head(shop))


def test_relative_url_out_of_the_project_is_refused(shop: Site) -> None:
    (shop.root.parent / "far.db").touch()
    shop.write(".env", "DATABASE_URL=sqlite:///../far.db\n")
    with pytest.raises(Refused, match="absolute path"):
        links(facts_of(shop), home(shop), head(shop))


def test_export_ignore_leaves_nothing_out_and_line_ends_are_the_checkouts(shop: Site) -> None:
    shop.write(".gitattributes", "app/words.py export-ignore\n*.bat text eol=crlf\n")
    shop.write("run.bat", "echo\n")
    shop.commit("attributes")
    place = made(shop)
    assert (place / "app/words.py").exists()
    assert (place / "run.bat").read_bytes() == b"echo\r\n"


def test_submodules_and_lfs_files_are_named_as_not_exported(shop: Site, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    subprocess.run(["git", "clone", "-q", shop.root, other], check=True)
    shop.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "theirs")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 5\n"
    shop.write("movie.bin", pointer)
    shop.commit("big things")
    shop.write(".gitattributes", "*.bin filter=lfs\n")
    shop.commit("and their rule")
    made(shop)
    assert known(shop)[0].not_exported == (
        "the submodule theirs",
        "the content of movie.bin, which is in Git LFS",
    )


def test_hooks_of_the_repository_are_not_run(shop: Site, tmp_path: Path) -> None:
    for name in ("post-index-change", "post-checkout"):
        hook = shop.write(f".git/hooks/{name}", f"#!/bin/sh\ntouch {tmp_path}/ran-{name}\n")
        hook.chmod(0o755)
    made(shop)
    made(shop, dirty=True)
    assert not list(tmp_path.glob("ran-*"))


def test_project_below_the_top_of_its_repository(shop: Site) -> None:
    inner = shop.root / "service"
    for name in ("app", "requirements.txt", ".gitignore"):
        (inner / name).parent.mkdir(exist_ok=True)
        (shop.root / name).rename(inner / name)
    (inner / "unstale.toml").write_text("")
    shop.commit("moved")
    shop.root = inner
    for dirty in (False, True):
        place = made(shop, dirty=dirty)
        assert (place / "app/main.py").exists()
        assert not (place / "service").exists()


def test_tree_with_a_manifest_of_its_own_is_refused_and_nothing_stays(shop: Site) -> None:
    shop.write("manifest.json", "{}")
    shop.commit("a manifest")
    (outcome,) = release(shop, only=1)
    assert outcome.state == "failed"
    assert "it has a manifest.json at its root" in outcome.note
    assert os.listdir(home(shop).releases) == []


def test_merge_that_is_not_finished_is_not_released(shop: Site) -> None:
    shop.git("checkout", "-qb", "other")
    shop.write("app/words.py", "GREETING = 'theirs'\n")
    shop.commit("theirs")
    shop.git("checkout", "-q", "main")
    shop.write("app/words.py", "GREETING = 'ours'\n")
    shop.commit("ours")
    with pytest.raises(subprocess.CalledProcessError):
        shop.git("merge", "other")
    (outcome,) = release(shop, only=1, dirty=True)
    assert outcome.state == "failed"
    assert "a merge that is not finished" in outcome.note


def test_ids_sort_by_time_whatever_the_clock_says(shop: Site) -> None:
    names = [made(shop).name for _ in range(3)]
    assert names == sorted(set(names))


def test_committed_release_is_not_discarded(shop: Site) -> None:
    place = made(shop)
    (manifest,) = known(shop)
    committed(shop, manifest)
    facts = facts_of(shop)
    discard = DiscardRelease(str(home(shop).path), manifest.id)
    assert "it was deployed" in (discard.blocked(facts) or "")
    with pytest.raises(Failed, match="it was deployed"):
        discard.apply(facts.host, None)  # type: ignore[arg-type]
    assert place.exists()


def test_release_that_a_process_runs_in_is_not_discarded(shop: Site) -> None:
    place = made(shop)
    child = subprocess.Popen(["sleep", "60"], cwd=place)
    try:
        why = DiscardRelease(str(home(shop).path), place.name).blocked(facts_of(shop))
        assert f"process {child.pid} runs in it" in (why or "")
    finally:
        child.kill()
        child.wait()


def test_discarding_removes_links_and_not_what_they_lead_to(shop: Site) -> None:
    place = made(shop)
    facts = facts_of(shop)
    DiscardRelease(str(home(shop).path), place.name).apply(facts.host, None)  # type: ignore[arg-type]
    assert not place.exists()
    assert (shop.root / "uploads/photo.jpg").read_text() == "a photo"
    assert (shop.root / "app.db").exists()


# --- full disks


def test_full_disk_in_the_export_gives_all_room_back(shop: Site, tmp_path: Path) -> None:
    shop.write("app/big.txt", os.urandom(300_000).hex())
    shop.commit("big")
    with mounted(tmp_path / "disk", "2m") as disk:
        shop.write("unstale.toml", f'[deploy]\nhome = "{disk}/home"\n')
        ballast = filled(disk)
        os.truncate(ballast, ballast.stat().st_size - 400_000)
        free = os.statvfs(disk).f_bavail
        (outcome,) = release(shop, only=1)
        assert outcome.state == "failed"
        assert "unable to write file" in outcome.note
        assert f"df -h {disk}/home/releases" in outcome.note
        assert "taken back" in outcome.note
        assert os.statvfs(disk).f_bavail >= free - 4  # the empty directories
        assert os.listdir(disk / "home/releases") == []
        ballast.unlink()
        assert release(shop, only=1)[0].state == "done"


# --- kills


class Counting(LocalHost):
    """Kills its own process at the change of that number; 0 counts only."""

    def __init__(self, at: int) -> None:
        super().__init__(changing=True)
        self.at, self.seen = at, 0

    def point(self) -> None:
        self.seen += 1
        if self.seen == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _require_changing(self, what: str) -> None:
        super()._require_changing(what)
        self.point()


def forked(site: Site, at: int, *, dirty: bool) -> bool:
    """Make and finish a release in a child that is killed at that point; return whether it was."""
    child = os.fork()
    if child == 0:
        host = Counting(at)
        write = Journal._write

        def written(self: Journal, line: bytes) -> None:
            host.point()
            write(self, line)
            host.point()

        Journal._write = written  # type: ignore[method-assign]
        try:
            facts = facts_of(site, host)
            steps = releasing(facts, Wanted(head(site), dirty=dirty, server="uvicorn"))
            chosen = [each for each in steps if isinstance(each, MakeRelease | FinishRelease)]
            assert [each.state for each in released(facts, *chosen)] == ["done", "done"]
            os._exit(0)
        finally:
            os._exit(99)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


def decided(site: Site) -> str:
    """Decide what was killed; return "whole" or "gone", and fail on anything between."""
    facts = facts_of(site)
    recover(facts, str)
    assert undecided(Journal(facts.project.state).lines()) == ()
    assert list(home(site).path.rglob("*.removing")) == []
    manifests = known(site)
    names = os.listdir(home(site).releases) if home(site).releases.exists() else []
    assert [each.id for each in manifests] == names
    assert not list(home(site).path.rglob("BUILDING")) or manifests[0].status == "building"
    return manifests[0].status if manifests else "gone"


@pytest.mark.parametrize("dirty", [False, True])
def test_kill_at_any_point_leaves_no_half_release(shop: Site, *, dirty: bool) -> None:
    checkout = {path: data for path, data in tree(shop.root).items() if ".unstale" not in path}
    number, again, states = 1, True, []
    while again:
        again = forked(shop, number, dirty=dirty)
        states.append(decided(shop))
        present = {path: data for path, data in tree(shop.root).items() if ".unstale" not in path}
        assert present == checkout, number
        for each in known(shop):
            shutil_rmtree(home(shop).release(each.id))
        number += 1
    assert states[0] == "gone"
    assert states[-1] == "ready"
    assert set(states) <= {"gone", "building", "ready"}
    assert number > 20
    print(
        f"\nkilled at {number - 2} points: {[(each, states.count(each)) for each in sorted(set(states))]}"
    )


def shutil_rmtree(place: Path) -> None:
    import shutil

    shutil.rmtree(place)


def test_kill_while_git_writes_leaves_nothing(shop: Site) -> None:
    for number in range(2000):
        (shop.root / f"app/file{number}.txt").write_text(str(number) * 2000)
    shop.commit("many files")
    code = "import sys; sys.path[:0] = ['tests', '.']; from release_yard import *; from changes import found; from pathlib import Path\n"
    code += f"facts = found(Path({str(shop.root)!r})); print('go', flush=True)\n"
    code += "from unstale.actions.releasing import Wanted, releasing\n"
    code += (
        f"print(released(facts, *releasing(facts, Wanted({head(shop)!r}, server='uvicorn'))[:1]))\n"
    )
    cut = 0
    for delay in (0, 0.01, 0.02, 0.03):
        child = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parent.parent.parent,
        )
        assert child.stdout
        child.stdout.readline()
        while child.poll() is None and not list(home(shop).releases.glob("*/BUILDING")):
            time.sleep(0.001)
        time.sleep(delay)
        child.kill()
        rest = child.stdout.read()
        child.wait()
        child.stdout.close()
        cut += not rest
        state = decided(shop)
        assert state in ("gone", "building"), rest
        for each in known(shop):
            assert len(list(home(shop).release(each.id).glob("app/file*.txt"))) == 2000
            shutil_rmtree(home(shop).release(each.id))
    assert cut
