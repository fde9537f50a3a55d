"""The way back of a pull: no commit and no stash of the user's is lost or taken for ours."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from unstale.action import Keep
from unstale.actions.git import Rewind
from unstale.detect import find_project
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.local import LocalHost

if TYPE_CHECKING:
    from conftest import Site


@pytest.fixture
def facts(site: Site) -> Facts:
    """The site after a pull that put an edit of app/words.py aside."""
    bare = site.root.parent / "origin.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(site.root), str(bare)], check=True)
    site.git("remote", "add", "origin", str(bare))
    site.write("app/words.py", 'GREETING = "two"\n')
    site.commit("newer")
    site.git("push", "-q", "origin", "HEAD:main")
    site.git("fetch", "-q")
    site.git("reset", "-q", "--hard", "HEAD~1")
    site.write("app/words.py", 'GREETING = "hot fix"\n')
    site.git("stash", "push", "-q", "-u", "-m", "unstale")
    site.git("merge", "-q", "--ff-only", "origin/main")
    host = LocalHost(changing=True)
    return Facts(find_project(site.root, host), host)


@pytest.fixture
def back(site: Site, facts: Facts) -> Rewind:
    return Rewind(str(site.root), site.git("rev-parse", "HEAD~1").strip(), stash=True)


@pytest.fixture
def keep(facts: Facts) -> Keep:
    return Keep(facts.project.trash / "run/1", facts.project.state / "backups/run/1")


def test_edits_come_back_from_our_own_stash_among_others(
    site: Site, facts: Facts, back: Rewind, keep: Keep
) -> None:
    site.write("app/main.py", "mine = 1\n")
    site.git("stash", "push", "-q", "-m", "mine")
    assert back.lacks(facts.host) is None
    assert back.blocked(facts) is None
    back.apply(facts.host, keep)
    assert (site.root / "app/words.py").read_text() == 'GREETING = "hot fix"\n'
    assert "mine" in site.git("stash", "list")
    assert "mine = 1" not in (site.root / "app/main.py").read_text()


def test_own_commit_made_since_is_not_dropped(site: Site, facts: Facts, back: Rewind) -> None:
    site.write("app/more.py", "MORE = 1\n")
    site.commit("mine")
    assert "1 commits of your own were made since" in str(back.blocked(facts))
    site.git("push", "-q", "origin", "HEAD:feature")
    site.git("fetch", "-q")
    assert back.blocked(facts) is None


def test_stash_that_is_gone_is_said_before_anything_moves(
    site: Site, facts: Facts, back: Rewind, keep: Keep
) -> None:
    site.git("stash", "drop", "-q")
    head = site.git("rev-parse", "HEAD")
    assert "the stash with the edits is no longer" in str(back.lacks(facts.host))
    with pytest.raises(Failed, match="no longer there"):
        back.apply(facts.host, keep)
    assert site.git("rev-parse", "HEAD") == head


def test_nothing_of_the_users_is_popped_where_our_stash_was_never_made(
    site: Site, facts: Facts, back: Rewind, keep: Keep
) -> None:
    site.git("stash", "drop", "-q")
    site.git("reset", "-q", "--hard", "HEAD~1")
    site.write("app/main.py", "mine = 1\n")
    site.git("stash", "push", "-q", "-m", "mine")
    back.apply(facts.host, keep)
    assert "mine" in site.git("stash", "list")


def test_commit_that_is_gone_is_said(site: Site, facts: Facts) -> None:
    gone = Rewind(str(site.root), "0" * 39 + "1", stash=False)
    assert "commit 000000000000 is no longer" in str(gone.lacks(facts.host))
