from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Site


@pytest.fixture
def pulled(site: Site) -> Site:
    """The site with an upstream that has one more commit, of app/words.py."""
    bare = site.root.parent / "origin.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(site.root), str(bare)], check=True)
    site.git("remote", "add", "origin", str(bare))
    site.git("fetch", "-q")
    site.git("branch", "-q", "--set-upstream-to=origin/main")
    site.write("app/words.py", 'GREETING = "two"\n')
    site.commit("newer")
    site.git("push", "-q")
    site.git("reset", "-q", "--hard", "HEAD~1")
    return site


def test_blocked_pull_is_the_root_and_comes_back_by_undo(pulled: Site) -> None:
    pulled.serve()
    pulled.write("app/words.py", 'GREETING = "hot fix"\n')
    findings = {each["code"]: each for each in pulled.check()["findings"]}
    assert findings["GIT004"]["root"] is None
    assert findings["GIT002"]["root"] == findings["GIT004"]["id"]

    head = pulled.git("rev-parse", "HEAD")
    done = pulled.unstale("fix", "--yes", "GIT004")
    assert done.returncode in (0, 1), done.stderr
    assert (pulled.root / "app/words.py").read_text() == 'GREETING = "two"\n'

    assert pulled.unstale("undo", "--yes").returncode == 0
    assert pulled.git("rev-parse", "HEAD") == head
    assert (pulled.root / "app/words.py").read_text() == 'GREETING = "hot fix"\n'


def test_behind_and_served_is_stale_and_one_fix_brings_all_to_now(pulled: Site) -> None:
    pulled.serve()
    pulled.old()
    assert pulled.codes() == ["GIT002"]
    done = pulled.unstale("fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert pulled.answer() == {"hello": "two"}
    assert pulled.check()["verdict"] == "fresh"


def test_unfetched_remote_is_seen_by_asking_it(pulled: Site) -> None:
    pulled.git("update-ref", "refs/remotes/origin/main", "HEAD")
    pulled.serve()
    assert pulled.codes() == ["GIT002"]
    assert pulled.codes("--offline") == []


def test_behind_and_not_served_is_a_note(pulled: Site) -> None:
    assert pulled.codes() == []
    assert pulled.codes(severity="note") == ["GIT002"]


def test_mute_remote_is_fresh(pulled: Site) -> None:
    pulled.git("merge", "-q", "--ff-only", "@{u}")
    pulled.git("remote", "set-url", "origin", str(pulled.root.parent / "gone.git"))
    pulled.serve()
    assert pulled.check()["verdict"] == "fresh"


def test_feature_branch_behind_its_upstream_is_a_note(pulled: Site) -> None:
    pulled.git("remote", "set-head", "origin", "main")
    pulled.git("push", "-q", "origin", "origin/main:refs/heads/feature")
    pulled.git("switch", "-qc", "feature")
    pulled.git("branch", "-q", "--set-upstream-to=origin/feature")
    pulled.serve()
    assert pulled.codes() == []


def test_edit_that_upstream_does_not_touch_is_fresh(pulled: Site) -> None:
    pulled.write("app/main.py", (pulled.root / "app/main.py").read_text() + "\n# edited\n")
    assert "GIT004" not in pulled.codes()


def test_fix_puts_aside_what_is_in_the_way_and_no_other_file(pulled: Site) -> None:
    pulled.git("reset", "-q", "--hard", "@{u}")
    for text in ("one\n", "two\n"):
        pulled.write("[w].txt", text)
        pulled.write("w.txt", "one\n")
        pulled.commit(text)
    pulled.git("push", "-q")
    pulled.git("reset", "-q", "--hard", "HEAD~1")
    pulled.write("[w].txt", "hot fix\n")
    pulled.write("w.txt", "edited\n")
    place = pulled.root / "app.sqlite3"
    with closing(sqlite3.connect(place)) as database:
        database.execute("CREATE TABLE row (x)")
        database.execute("INSERT INTO row VALUES (1)")
        database.commit()
        inode = place.stat().st_ino
        done = pulled.unstale("fix", "--yes", "GIT004")
        assert (pulled.root / "[w].txt").read_text() == "two\n", done.stdout + done.stderr
        assert (pulled.root / "w.txt").read_text() == "edited\n"
        assert place.stat().st_ino == inode
        database.execute("INSERT INTO row VALUES (2)")
        database.commit()
    assert pulled.unstale("undo", "--yes").returncode == 0
    assert (pulled.root / "[w].txt").read_text() == "hot fix\n"
    assert (pulled.root / "w.txt").read_text() == "edited\n"
    with closing(sqlite3.connect(place)) as database:
        assert database.execute("SELECT x FROM row").fetchall() == [(1,), (2,)]


def test_branch_that_is_also_ahead_is_merged_by_hand(pulled: Site) -> None:
    pulled.write("README.md", "mine\n")
    pulled.commit("mine")
    pulled.write("app/words.py", 'GREETING = "hot fix"\n')
    head = pulled.git("rev-parse", "HEAD")
    (found,) = (each for each in pulled.check()["findings"] if each["code"] == "GIT004")
    assert found["fix"] is None
    pulled.unstale("fix", "--yes", "GIT004")
    assert (pulled.root / "app/words.py").read_text() == 'GREETING = "hot fix"\n'
    assert (pulled.git("rev-parse", "HEAD"), pulled.git("stash", "list")) == (head, "")


@pytest.mark.parametrize("branch", ["main", "team/main"])
def test_evidence_asks_the_remote_that_is_followed(pulled: Site, branch: str) -> None:
    pulled.git("remote", "rename", "origin", "company")
    if branch != "main":
        pulled.git("push", "-q", "company", f"company/main:refs/heads/{branch}")
        pulled.git("branch", "-q", f"--set-upstream-to=company/{branch}")
    (found,) = (each for each in pulled.check()["findings"] if each["code"] == "GIT002")
    words = found["want"]["source"].split()
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert shown.startswith(found["want"]["value"])
    assert shown.endswith(f"\trefs/heads/{branch}\n")
