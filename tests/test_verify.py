"""`unstale log`: one run, and the journal held against the machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from changes import Knock, Migrate, done, project, sql, trash, undone
from test_schemas import valid

from unstale.cli import program
from unstale.errors import Halted
from unstale.fact import Facts
from unstale.journal import Journal
from unstale.local import LocalHost
from unstale.verify import verify

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = project(tmp_path)
    monkeypatch.chdir(made.project.root)
    return made


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def call(*words: str) -> tuple[int, str, str]:
        code = program.run(words)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return call


@pytest.fixture
def runs(facts: Facts) -> list[str]:
    """A file moved, a database migrated, a door knocked at, and one more that was taken back."""
    one, two = (facts.project.root / name for name in ("one", "two"))
    database = facts.project.root / "shop.db"
    for each in (one, two):
        each.write_text("x")
    sql(database, "CREATE TABLE note (text TEXT)")
    found = [
        done(facts, trash(one), Migrate(str(database), "ALTER TABLE note ADD a TEXT"), Knock("x"))
    ]
    found += [done(facts, trash(two))]
    return [*found, undone(facts, found[1])]


def test_everything_in_place_is_exit_0_and_touches_nothing(
    facts: Facts, runs: list[str], say: Say
) -> None:
    before = [(path, path.lstat().st_mtime_ns) for path in sorted(facts.project.state.rglob("*"))]
    code, out, _ = say("log", "--verify")
    assert (code, out) == (0, "✓ 15 lines, 5 steps, 3 can be taken back\n")
    code, out, _ = say("log", "--verify", "--format", "json")
    document = valid(out, "unstale.log/1")
    assert document["verified"] == {
        "lines": 15, "steps": 5, "undoable": 3, "pruned": 0, "torn": False, "doubts": [],
    }  # fmt: skip
    after = [(path, path.lstat().st_mtime_ns) for path in sorted(facts.project.state.rglob("*"))]
    assert before == after


def test_one_run_is_shown_and_verified_alone(facts: Facts, runs: list[str], say: Say) -> None:
    code, out, _ = say("log", runs[1], "--format", "json")
    assert code == 0
    assert {line["run"] for line in valid(out, "unstale.log/1")["lines"]} == {runs[1]}
    (facts.project.trash / runs[0] / "1/0-one").unlink()
    assert say("log", "--verify")[0] == 1
    assert say("log", runs[0], "--verify")[0] == 1
    assert say("log", runs[1], "--verify")[0] == 0
    code, _, err = say("log", "20200101-000000-abcd")
    assert code == 2
    assert "unknown run" in err


def test_each_missing_thing_is_named(facts: Facts, runs: list[str], say: Say) -> None:
    kept = facts.project.trash / runs[0] / "1/0-one"
    kept.unlink()
    (facts.project.state / "backups" / runs[0] / "2/before.db").write_bytes(b"garbage" * 999)
    code, out, _ = say("log", "--verify", "--format", "json")
    assert code == 1
    doubts = valid(out, "unstale.log/1")["verified"]["doubts"]
    assert [(each["step"], each["kind"]) for each in doubts] == [(2, "missing"), (1, "missing")]
    assert "is damaged: file is not a database" in doubts[0]["because"]
    assert f"{kept} is no longer there" in doubts[1]["because"]


def test_step_without_an_end_is_undecided(facts: Facts, runs: list[str], say: Say) -> None:
    words = {"step": 4, "title": "move the sea", "codes": [], "risk": "safe", "inverse": None}
    Journal(facts.project.state).append(facts.host.now(), runs[0], "intent", words)
    code, out, _ = say("log", "--verify")
    assert code == 1
    assert f"✗ step 4 of {runs[0]} is undecided: move the sea: it was begun at" in out
    assert say("log", "--verify", runs[1])[0] == 0


def test_edited_line_is_exit_3(facts: Facts, runs: list[str], say: Say) -> None:
    path = Journal(facts.project.state).path
    path.write_text(path.read_text().replace("move two to the trash", "move two to the moon"))
    code, out, err = say("log", "--verify")
    assert (code, out) == (3, "")
    assert "line 10 does not match its checksum" in err


def test_looking_host_is_enough(facts: Facts, runs: list[str]) -> None:
    assert verify(Journal(facts.project.state), LocalHost()).doubts == ()


def test_no_change_yet_is_no_doubt(facts: Facts, say: Say) -> None:
    assert say("log", "--verify")[:2] == (0, "✓ 0 lines, 0 steps, 0 can be taken back\n")
    assert json.loads(say("log", "--format", "json")[1]) == {"schema": "unstale.log/1", "lines": []}


def test_ten_thousand_lines_are_verified_once_in_a_run(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    now = LocalHost().now()
    looks: list[int] = []

    class Counting(Journal):
        def _raw(self) -> bytes:
            looks.append(1)
            return super()._raw()

    for number in range(20):
        journal.append(now, "r", "note", {"step": number})
    counting = Counting(tmp_path)
    for number in range(20):
        counting.append(now, "r", "note", {"step": number})
    assert len(looks) == 2  # for its lines, and for a torn last one
    assert [line.seq for line in counting.lines()] == list(range(1, 41))


def test_line_of_another_between_ours_is_seen(tmp_path: Path) -> None:
    now = LocalHost().now()
    ours, theirs = Journal(tmp_path), Journal(tmp_path)
    for journal in (ours, theirs, ours, theirs):
        journal.append(now, "r", "note", {})
    assert [line.seq for line in ours.lines()] == [1, 2, 3, 4]
    damaged = ours.path.read_bytes().replace(b'"seq": 2', b'"seq": 9')
    ours.path.write_bytes(damaged)
    with pytest.raises(Halted, match="line 2"):
        ours.append(now, "r", "note", {})
