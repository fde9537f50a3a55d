"""The ways back of files, environments, node modules and builds, where something else happened meanwhile."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from changes import done, found, project, trash, undone

from unstale.action import Keep
from unstale.actions.environment import listing
from unstale.actions.files import PutBack, SwapBack
from unstale.actions.node import Rebuild
from unstale.errors import Refused
from unstale.fact import Facts
from unstale.journal import Journal
from unstale.undo import ready


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return project(tmp_path)


@pytest.fixture
def keep(facts: Facts) -> Keep:
    return Keep(facts.project.trash / "run/1", facts.project.state / "backups/run/1")


def environment(place: Path, *packages: str) -> Path:
    for name in packages:
        (place / f"lib/python3.11/site-packages/{name}-1.dist-info").mkdir(parents=True)
    return place


def test_environment_that_was_deleted_since_comes_back(facts: Facts, keep: Keep) -> None:
    """`rm -rf .venv` is no change that would be lost."""
    venv = environment(facts.project.root / ".venv", "new")
    kept = environment(keep.trash / "environment", "former")
    Path(f"{kept}.after").write_text(listing(facts.host, str(venv)))
    back = SwapBack(str(kept), str(venv))
    shutil.rmtree(venv)
    assert back.blocked(facts) is None
    back.apply(facts.host, keep)
    assert listing(facts.host, str(venv)) == "former-1.dist-info"


def test_environment_that_lost_its_packages_is_refused_not_a_crash(
    facts: Facts, keep: Keep
) -> None:
    venv = environment(facts.project.root / ".venv", "new")
    kept = environment(keep.trash / "environment", "former")
    Path(f"{kept}.after").write_text(listing(facts.host, str(venv)))
    shutil.rmtree(venv / "lib")
    assert "was changed since: new-1.dist-info" in str(
        SwapBack(str(kept), str(venv)).blocked(facts)
    )


def test_kept_link_that_leads_nowhere_from_the_trash_comes_back(facts: Facts, keep: Keep) -> None:
    """node_modules may be a relative link, and dangles where it is kept."""
    place = facts.project.root / "web/node_modules"
    place.mkdir(parents=True)
    keep.trash.mkdir(parents=True)
    kept = keep.trash / "node_modules"
    kept.symlink_to("../../shared/node_modules")
    back = SwapBack(str(kept), str(place))
    assert back.lacks(facts.host) is None
    assert not back.settled(facts)
    back.apply(facts.host, keep)
    assert os.readlink(place) == "../../shared/node_modules"


def test_only_what_was_there_is_promised_back(facts: Facts) -> None:
    one = facts.project.root / "one"
    one.write_text("x")
    run = done(facts, trash(one, facts.project.root / "two"))
    ((_, inverse),) = ready(facts, Journal(facts.project.state), run)
    assert isinstance(inverse, PutBack)
    assert [original for _, original in inverse.pairs] == [str(one)]
    undone(facts, run)
    assert one.exists()


def test_one_of_two_files_gone_from_the_trash_is_named_and_the_other_stays_kept(
    facts: Facts,
) -> None:
    paths = [facts.project.root / name for name in ("one", "two")]
    for path in paths:
        path.write_text("x")
    run = done(facts, trash(*paths))
    (facts.project.trash / run / "1/1-two").unlink()
    with pytest.raises(Refused, match="1-two is no longer there"):
        ready(facts, Journal(facts.project.state), run)
    assert (facts.project.trash / run / "1/0-one").exists()


def test_step_that_is_unwound_while_its_file_stands_at_both_places_leaves_it(
    facts: Facts, keep: Keep
) -> None:
    """A move to another filesystem that was killed when the copy had arrived; or Python wrote the .pyc again."""
    one = facts.project.root / "one.pyc"
    one.write_text("x")
    back = trash(one).inverse(facts, keep)
    keep.trash.mkdir(parents=True)
    (keep.trash / "0-one.pyc").write_text("x")
    back.apply(facts.host, keep)
    assert one.read_text() == "x"


def test_build_that_writes_into_its_former_files_comes_back_as_it_was(
    facts: Facts, keep: Keep
) -> None:
    """webpack and the like truncate and write; a hard link would have changed with them."""
    dist = facts.project.root / "build"
    dist.mkdir()
    (dist / "index.html").write_text("former")
    os.utime(dist / "index.html", (1, 2))
    command = ("sh", "-c", "printf newer > build/index.html")
    action = Rebuild(str(facts.project.root), "webpack", command, str(dist))
    back = action.inverse(facts, keep)
    action.apply(facts.host, keep)
    assert (dist / "index.html").read_text() == "newer"
    back.apply(facts.host, Keep(facts.project.trash / "undo/1", keep.state))
    assert (dist / "index.html").read_text() == "former"
    assert (dist / "index.html").stat().st_mtime == 2


def test_undo_in_the_place_of_a_project_that_is_linked(facts: Facts, tmp_path: Path) -> None:
    """A checkout that is reached through a link is the same project."""
    one = facts.project.root / "one"
    one.write_text("x")
    link = tmp_path / "link"
    link.symlink_to(facts.project.root)
    run = done(found(link), trash(one))
    undone(facts, run)
    assert one.exists()
