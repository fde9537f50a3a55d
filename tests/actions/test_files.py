from __future__ import annotations

from pathlib import Path

import pytest

from unstale.action import Keep
from unstale.actions.files import MoveToTrash, PutBack, SwapBack
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.local import LocalHost
from unstale.project import Project


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    return Facts(Project(tmp_path, "site"), LocalHost(changing=True))


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    return Keep(tmp_path / ".unstale/trash/run/1", tmp_path / "state")


def test_moved_files_of_one_name_come_back_each_to_its_place(
    tmp_path: Path, facts: Facts, keep: Keep
) -> None:
    paths = (tmp_path / "a/m.pyc", tmp_path / "b/m.pyc")
    for path in paths:
        path.parent.mkdir()
        path.write_text(str(path))
    action = MoveToTrash(tuple(map(str, paths)))
    back = action.inverse(facts, keep)
    action.apply(facts.host, keep)
    assert action.settled(facts)
    assert not any(path.exists() for path in paths)
    assert (tmp_path / ".unstale/.gitignore").read_text() == "*\n"
    action.apply(facts.host, keep)  # a second time changes nothing
    assert back.blocked(facts) is None
    back.apply(facts.host, keep)
    assert back.settled(facts)
    assert [path.read_text() for path in paths] == [str(path) for path in paths]
    back.apply(facts.host, keep)


def test_file_that_stands_there_again_is_not_overwritten(
    tmp_path: Path, facts: Facts, keep: Keep
) -> None:
    (tmp_path / "package").mkdir()
    action = MoveToTrash((str(tmp_path / "package"),))
    back = action.inverse(facts, keep)
    action.apply(facts.host, keep)
    (tmp_path / "package").mkdir()
    (tmp_path / "package/new.py").write_text("x = 1\n")
    assert "is there again" in str(back.blocked(facts))


def test_bytecode_that_python_wrote_again_is_kept_in_the_trash(
    tmp_path: Path, facts: Facts, keep: Keep
) -> None:
    pyc = tmp_path / "m.pyc"
    pyc.write_text("former")
    action = MoveToTrash((str(pyc),))
    back = action.inverse(facts, keep)
    action.apply(facts.host, keep)
    pyc.write_text("again")
    later = Keep(tmp_path / ".unstale/trash/undo/1", tmp_path / "state")
    back.apply(facts.host, later)
    assert pyc.read_text() == "former"
    assert [each.read_text() for each in later.trash.iterdir()] == ["again"]


def test_half_made_copy_is_never_put_back(tmp_path: Path, facts: Facts, keep: Keep) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env/file").write_text("whole")
    (keep.trash / "environment.partial").mkdir(parents=True)
    back = SwapBack(str(keep.trash / "environment"), str(tmp_path / "env"))
    assert back.settled(facts)
    back.apply(facts.host, keep)
    assert (tmp_path / "env/file").read_text() == "whole"


def test_swap_can_itself_be_swapped_back(tmp_path: Path, facts: Facts, keep: Keep) -> None:
    for place, text in ((keep.trash / "environment", "former"), (tmp_path / "env", "now")):
        place.mkdir(parents=True)
        (place / "file").write_text(text)
    back = SwapBack(str(keep.trash / "environment"), str(tmp_path / "env"))
    again = back.inverse(facts, keep)
    back.apply(facts.host, keep)
    assert (tmp_path / "env/file").read_text() == "former"
    again.apply(facts.host, Keep(tmp_path / ".unstale/trash/undo/1", keep.state))
    assert (tmp_path / "env/file").read_text() == "now"


def test_rename_onto_something_is_refused(tmp_path: Path, facts: Facts) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    with pytest.raises(Failed):
        facts.host.rename(str(tmp_path / "one"), str(tmp_path / "two"))
    assert isinstance(MoveToTrash(("x",)).inverse(facts, Keep(tmp_path, tmp_path)), PutBack)
