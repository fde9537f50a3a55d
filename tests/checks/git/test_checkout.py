from __future__ import annotations

import subprocess
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
