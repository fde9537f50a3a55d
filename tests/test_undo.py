"""What undo promises: by run or by step, in order, across restarts, and never over what was written since."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from changes import Knock, Migrate, done, found, project, rows, sql, trash, undone

from unstale.actions.files import PutBack
from unstale.cli import program
from unstale.errors import Failed, Refused, UsageError
from unstale.fact import Facts
from unstale.journal import Journal, _seal
from unstale.perform import begin
from unstale.undo import last_undoable, ready, undo, undoable

Say = Callable[..., tuple[int, str]]


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = project(tmp_path)
    monkeypatch.chdir(made.project.root)
    return made


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command line in this process; return its exit code and all that it said."""

    def call(*words: str) -> tuple[int, str]:
        code = program.run(words)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out + err

    return call


@pytest.fixture
def shop(facts: Facts) -> Path:
    """A database of three rows."""
    path = facts.project.root / "shop.db"
    sql(path, "CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('a'), ('b'), ('c')")
    return path


def journal(facts: Facts) -> Journal:
    return Journal(facts.project.state)


def written(facts: Facts, name: str, text: str = "x") -> Path:
    path = facts.project.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# --- by run, by step, in order


def test_one_step_is_taken_back_and_the_others_stay(facts: Facts, say: Say) -> None:
    one, two, three = (written(facts, name) for name in ("one", "two", "three"))
    run = done(facts, trash(one), trash(two), trash(three))
    assert say("undo", run, "--step", "2", "--yes")[0] == 0
    assert [each.exists() for each in (one, two, three)] == [False, True, False]
    code, words = say("undo", run, "--step", "2", "--yes")
    assert code == 2
    assert "took it back" in words
    assert [step for step, _ in undoable(journal(facts), run)] == [3, 1]
    assert say("undo", "--yes")[0] == 0
    assert all(each.exists() for each in (one, two, three))


@pytest.mark.parametrize(
    ("step", "why"), [(2, "it has no way back"), (9, "nothing was done there")]
)
def test_step_without_a_way_back_is_refused(facts: Facts, step: int, why: str) -> None:
    run = done(facts, trash(written(facts, "one")), Knock("door"))
    with pytest.raises(UsageError, match=why):
        ready(facts, journal(facts), run, step=step)


def test_step_that_stays_is_said_before_anything_is_touched(facts: Facts, say: Say) -> None:
    run = done(facts, trash(written(facts, "one")), Knock("door"))
    code, words = say("undo", run)
    assert code == 2
    assert "step 2 of" in words and "stays, it has no way back: knock at door" in words
    assert "--yes" in words


def test_later_step_on_the_same_thing_is_named_first(facts: Facts, say: Say) -> None:
    one = written(facts, "one", "first")
    earlier = done(facts, trash(one))
    written(facts, "one", "second")
    later = done(facts, trash(one))
    code, words = say("undo", earlier, "--yes")
    assert code == 2
    assert f"step 1 of {later} (move one to the trash)" in words
    assert f"unstale undo {later} --step 1" in words
    assert not one.exists()
    assert say("undo", later, "--yes")[0] == 0
    assert one.read_text() == "second"
    one.unlink()  # that it stood there again is another refusal
    assert say("undo", earlier, "--yes")[0] == 0
    assert one.read_text() == "first"


def test_later_step_inside_the_same_directory_stands_in_the_way(facts: Facts) -> None:
    inner = written(facts, "package/module.pyc")
    run = done(facts, trash(inner), trash(inner.parent))
    with pytest.raises(Refused, match="later steps changed the same: step 2"):
        ready(facts, journal(facts), run, step=1)
    undone(facts, run)
    assert inner.read_text() == "x"


def test_later_step_elsewhere_does_not(facts: Facts) -> None:
    one, two = written(facts, "one"), written(facts, "onetwo")
    earlier = done(facts, trash(one))
    done(facts, trash(two))
    undone(facts, earlier)
    assert one.exists()


def test_later_step_that_was_taken_back_is_out_of_the_way(facts: Facts) -> None:
    one = written(facts, "one", "first")
    earlier = done(facts, trash(one))
    written(facts, "one", "second")
    undone(facts, done(facts, trash(one)))
    one.unlink()
    undone(facts, earlier)
    assert one.read_text() == "first"


def test_database_migrated_twice_in_one_run_goes_back_through_both(
    facts: Facts, shop: Path
) -> None:
    run = done(
        facts,
        Migrate(str(shop), "ALTER TABLE note ADD one TEXT"),
        Migrate(str(shop), "ALTER TABLE note ADD two TEXT"),
    )
    with pytest.raises(Refused, match="later steps"):
        ready(facts, journal(facts), run, step=1)
    undone(facts, run)
    assert [row[1] for row in sql(shop, "PRAGMA table_info(note)")] == ["text"]


def test_undo_is_undone_and_says_where_to_go_on(facts: Facts, say: Say) -> None:
    one = written(facts, "one")
    run = done(facts, trash(one))
    back = undone(facts, run)
    again = undone(facts, back)
    assert not one.exists()
    code, words = say("undo", run, "--yes")
    assert (code, one.exists()) == (0, False)
    assert f"nothing to undo: {back} took {run} back" in words
    assert f"unstale undo {again}" in words
    assert say("undo", again, "--yes")[0] == 0
    assert one.exists()


def test_killed_undo_is_gone_on_with(facts: Facts) -> None:
    """Of two files one is back; the line that says so was never written."""
    one, two = written(facts, "one"), written(facts, "two")
    run = done(facts, trash(one, two))
    inverse = undoable(journal(facts), run)[0][1]
    assert isinstance(inverse, PutBack)
    kept, original = inverse.pairs[0]
    Path(kept).rename(original)
    undone(facts, run)
    assert one.exists() and two.exists()


def test_undo_depends_on_no_process_and_no_boot(facts: Facts, shop: Path) -> None:
    """Nothing in what is journaled for an undo is of this boot, and the machine that it is done on is another's."""
    run = done(
        facts, trash(written(facts, "one")), Migrate(str(shop), "DELETE FROM note"), Knock("x")
    )

    class Rebooted(type(facts.host)):  # type: ignore[misc]
        def uptime(self) -> float:
            raise AssertionError

        def alive(self, ident: object) -> bool:
            raise AssertionError

        def signal(self, ident: object, number: int) -> bool:
            raise AssertionError

    for line in journal(facts).lines():
        if line.event == "intent" and line.data["inverse"]:
            text = json.dumps(line.data["inverse"])
            assert not any(word in text for word in ("pid", "ticks", "boot", "/proc/")), text
    undone(found(facts.project.root, Rebooted(changing=True)), run)
    assert rows(shop) == ["a", "b", "c"]


# --- data


def test_rows_written_since_are_counted_by_table_and_given_up_only_by_their_number(
    facts: Facts, shop: Path, say: Say
) -> None:
    run = done(
        facts, Migrate(str(shop), "ALTER TABLE note ADD one TEXT; CREATE TABLE tag (text TEXT)")
    )
    sql(
        shop,
        "INSERT INTO note (text) VALUES ('d'), ('e'); UPDATE note SET text = 'A' WHERE text = 'a'",
    )
    sql(shop, "INSERT INTO tag VALUES ('new')")
    code, words = say("undo", run, "--yes")
    assert code == 2
    assert "3 of note" in words and "1 of tag" in words and "4 in all" in words
    assert "--accept-data-loss=4" in words
    for wrong in ("0", "3", "5"):
        code, words = say("undo", run, "--yes", "--accept-data-loss", wrong)
        assert code == 2
        assert f"{wrong} is not the number of rows that would be lost: it is 4" in words
    assert rows(shop) == ["A", "b", "c", "d", "e"]
    code, words = say("undo", run, "--yes", "--accept-data-loss=4")
    assert code == 0, words
    replaced = Path(words.partition("the replaced database is ")[2].split()[0])
    assert rows(shop) == ["a", "b", "c"]
    assert rows(replaced) == ["A", "b", "c", "d", "e"]
    assert rows(replaced, "tag") == ["new"]
    assert replaced.is_relative_to(facts.project.state)
    assert replaced.stat().st_mode & 0o777 == 0o600


def test_data_given_up_comes_back_by_undoing_the_undo(facts: Facts, shop: Path, say: Say) -> None:
    run = done(facts, Migrate(str(shop), "ALTER TABLE note ADD one TEXT"))
    sql(shop, "INSERT INTO note (text) VALUES ('d')")
    assert say("undo", run, "--yes", "--accept-data-loss", "1")[0] == 0
    back = journal(facts).lines()[-1].run
    assert rows(shop) == ["a", "b", "c"]
    code, words = say("undo", back, "--yes")
    assert code == 0, words
    assert rows(shop) == ["a", "b", "c", "d"]


def test_undo_that_is_killed_and_done_again_keeps_the_rows_that_were_given_up(
    facts: Facts, shop: Path
) -> None:
    """The second time the live database has them no more; a half copy of the first time is in the way of neither."""
    run = done(facts, Migrate(str(shop), "ALTER TABLE note ADD one TEXT"))
    sql(shop, "INSERT INTO note (text) VALUES ('d')")
    ((_, inverse),) = ready(facts, journal(facts), run, accept=1)
    keep = begin(facts, "undo").keep(1)
    keep.state.mkdir(parents=True)
    for name in ("replaced.db.partial", "replaced.db"):
        (keep.state / name).write_bytes(b"half" * 999)
    for _ in range(3):
        inverse.apply(facts.host, keep)
        assert rows(shop) == ["a", "b", "c"]
        assert rows(keep.state / "replaced.db") == ["a", "b", "c", "d"]
    assert sorted(each.name for each in keep.state.iterdir()) == ["after.json", "replaced.db"]


def test_number_of_rows_is_refused_where_none_would_be_lost(
    facts: Facts, shop: Path, say: Say
) -> None:
    run = done(facts, Migrate(str(shop), "ALTER TABLE note ADD one TEXT"))
    code, words = say("undo", run, "--yes", "--accept-data-loss", "1")
    assert code == 2
    assert "it is 0: nothing was written since" in words
    assert say("undo", run, "--yes")[0] == 0


def test_number_of_rows_is_no_error_where_all_is_taken_back_already(
    facts: Facts, shop: Path, say: Say
) -> None:
    """As after an undo that was killed and finished by the next command."""
    run = done(facts, Migrate(str(shop), "ALTER TABLE note ADD one TEXT"))
    undone(facts, run)
    code, words = say("undo", run, "--yes", "--accept-data-loss", "1")
    assert code == 0
    assert "nothing to undo" in words


def test_row_written_after_the_number_was_named_is_not_lost(facts: Facts, shop: Path) -> None:
    run = done(facts, Migrate(str(shop), "ALTER TABLE note ADD one TEXT"))
    sql(shop, "INSERT INTO note (text) VALUES ('d')")
    steps = ready(facts, journal(facts), run, accept=1)
    sql(shop, "INSERT INTO note (text) VALUES ('e')")
    with pytest.raises(Failed, match="2 in all"):
        list(undo(facts, begin(facts, "undo"), run, say=str, steps=steps))
    assert rows(shop) == ["a", "b", "c", "d", "e"]


def test_rows_of_a_database_migrated_twice_are_counted_once(
    facts: Facts, shop: Path, say: Say
) -> None:
    run = done(
        facts,
        Migrate(str(shop), "ALTER TABLE note ADD one TEXT"),
        Migrate(str(shop), "ALTER TABLE note ADD two TEXT"),
    )
    sql(shop, "INSERT INTO note (text) VALUES ('d')")
    assert "--accept-data-loss=1" in say("undo", run, "--yes")[1]
    code, words = say("undo", run, "--yes", "--accept-data-loss=1")
    assert code == 0, words
    assert rows(shop) == ["a", "b", "c"]


def test_deleted_row_counts_as_a_change(facts: Facts, shop: Path) -> None:
    run = done(facts, Migrate(str(shop), "ALTER TABLE note ADD one TEXT"))
    sql(shop, "DELETE FROM note WHERE text < 'c'")
    with pytest.raises(Refused, match="2 of note"):
        ready(facts, journal(facts), run)


def test_database_that_was_not_there_goes_to_the_state_not_to_the_trash(
    facts: Facts, tmp_path: Path
) -> None:
    path = facts.project.root / "new.db"
    run = done(facts, Migrate(str(path), "CREATE TABLE note (text TEXT)"))
    undone(facts, run)
    assert not path.exists()
    assert [each.name for each in (tmp_path / "state").rglob("new.db")] == ["new.db"]


@pytest.mark.parametrize("harm", ["gone", "empty", "garbage", "half"])
def test_backup_that_is_gone_or_damaged_never_replaces_the_database(
    facts: Facts, shop: Path, say: Say, harm: str
) -> None:
    run = done(facts, Migrate(str(shop), "ALTER TABLE note ADD one TEXT"))
    (backup,) = facts.project.state.rglob("before.db")
    whole = backup.read_bytes()
    backup.unlink()
    if harm != "gone":
        backup.write_bytes({"empty": b"", "garbage": b"garbage" * 999, "half": whole[:4096]}[harm])
    code, words = say("undo", run, "--yes")
    assert code == 2
    assert "before.db" in words
    assert rows(shop) == ["a", "b", "c"]
    code, words = say("log", "--verify")
    assert code == 1
    assert "is missing: migrate" in words and "before.db" in words


def test_damaged_live_database_is_refused_in_words(facts: Facts, shop: Path, say: Say) -> None:
    run = done(facts, Migrate(str(shop), "ALTER TABLE note ADD one TEXT"))
    shop.write_bytes(b"garbage" * 999)
    code, words = say("undo", run, "--yes")
    assert code == 2
    assert "cannot read" in words


# --- what is not as it was


def test_trash_that_was_deleted_by_hand_is_said_and_nothing_is_called_undone(
    facts: Facts, say: Say
) -> None:
    one, pyc = written(facts, "one"), written(facts, "two.pyc")
    run = done(facts, trash(one), trash(pyc))
    shutil.rmtree(facts.project.trash)
    written(facts, "two.pyc", "again")
    code, words = say("undo", run, "--yes")
    assert code == 2
    assert "is no longer there" in words
    assert not one.exists()
    assert say("undo", run, "--step", "2", "--yes")[0] == 2
    assert undoable(journal(facts), run)


def test_moved_project_is_told_where_its_journal_is(facts: Facts, say: Say, tmp_path: Path) -> None:
    one = written(facts, "one")
    run = done(facts, trash(one))
    moved = tmp_path / "elsewhere"
    facts.project.root.rename(moved)
    for words in (("undo", "--yes"), ("undo", run, "--yes")):
        code, text = say(*words, "-C", str(moved))
        assert code == 2
        assert str(facts.project.state) in text
        assert f"mv {moved} {facts.project.root}" in text
    code, text = say("log", "-C", str(moved))
    assert code == 0
    assert f"made in {facts.project.root}, which is gone" in text
    moved.rename(facts.project.root)
    assert say("undo", "--yes", "-C", str(facts.project.root))[0] == 0
    assert one.exists()


def test_project_that_is_new_under_an_old_name_is_not_called_moved(
    facts: Facts, say: Say, tmp_path: Path
) -> None:
    done(facts, trash(written(facts, "one")))
    shutil.rmtree(facts.project.root)
    fresh = tmp_path / "else/root"
    fresh.mkdir(parents=True)
    (fresh / "unstale.toml").write_text('[project]\nname = "p"\n')
    code, text = say("undo", "--yes", "-C", str(fresh))
    assert code == 0
    assert "nothing to undo here; a project's of this name journal is in" in text


def test_journal_that_moved_along_is_not_undone_in_another_place(
    facts: Facts, say: Say, tmp_path: Path
) -> None:
    """[project] state may lie where the new place finds it."""
    one = written(facts, "one")
    (facts.project.root / "unstale.toml").write_text('[project]\nname = "p"\nstate = "../kept"\n')
    run = done(found(facts.project.root), trash(one))
    moved = facts.project.root.rename(tmp_path / "moved")
    code, text = say("undo", run, "--yes", "-C", str(moved))
    assert code == 2
    assert f"it was done in {facts.project.root}" in text
    assert f"mv {moved} {facts.project.root}" in text


def forged(facts: Facts, change: Callable[[dict[str, object]], None]) -> None:
    """Write the journal again with each line changed, and sealed as another version would."""
    path = journal(facts).path
    before, lines = "", []
    for text in path.read_text().splitlines():
        body = json.loads(text)
        body.pop("sum")
        change(body)
        before = _seal(body, before)
        lines.append(json.dumps({**body, "sum": before}) + "\n")
    path.write_text("".join(lines))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("unstale.actions.files:Teleport", None),
        ("unstale.actions.teleport:Teleport", None),
        ("os:system", None),
        (None, {"pairs": [], "warp": 9}),
        (None, {"wrong": 1}),
    ],
)
def test_action_of_another_version_is_named_and_left(
    facts: Facts, say: Say, kind: str | None, data: dict[str, object] | None
) -> None:
    one = written(facts, "one")
    run = done(facts, trash(one))

    def change(body: dict[str, object]) -> None:
        body |= {"unstale": "7.8.9"} if body["event"] == "begin" else {}
        inverse = body["data"].get("inverse") if isinstance(body["data"], dict) else None
        if inverse and kind:
            inverse["type"] = kind
        if inverse and data:
            inverse["data"] = data

    forged(facts, change)
    code, words = say("undo", run, "--yes")
    assert code == 2
    assert "does not know" in words and "Take it back with unstale 7.8.9" in words
    assert say("log")[0] == 0
    code, words = say("log", "--verify")
    assert code == 1
    assert "is foreign" in words
    other = written(facts, "two")
    undone(facts, done(facts, trash(other)))  # what this version did is not hindered by it
    assert other.exists()


@pytest.mark.parametrize(
    "words", [("undo", "--yes"), ("log",), ("log", "--verify"), ("fix", "--yes")]
)
def test_journal_of_a_newer_version_is_left_alone(
    facts: Facts, say: Say, words: tuple[str, ...]
) -> None:
    done(facts, trash(written(facts, "one")))
    forged(facts, lambda body: body.update({"format": 2, "unstale": "7.8.9"}))
    before = journal(facts).path.read_bytes()
    written(facts, "app/main.py", "from fastapi import FastAPI\napp = FastAPI()\n")
    code, text = say(*words)
    if words[0] == "fix" and code == 0:
        assert "nothing to fix" in text
    else:
        assert code == 2
        assert "is of a newer unstale" in text and "Use unstale 7.8.9 or later" in text
    assert journal(facts).path.read_bytes() == before


@pytest.mark.parametrize("line", ["[]", "null", "1", '"x"', "{}", "[" * 100_000, "\udcff"])
def test_line_that_is_no_line_stops_everything_in_words(facts: Facts, say: Say, line: str) -> None:
    done(facts, trash(written(facts, "one")))
    with journal(facts).path.open("a", errors="surrogateescape") as file:
        file.write(line + "\n")
    for words in (("undo", "--yes"), ("log",), ("log", "--verify")):
        code, text = say(*words)
        assert code == 3
        assert "cannot be trusted" in text and "line 5" in text


def test_torn_last_line_is_said_cut_and_harms_nothing(facts: Facts, say: Say) -> None:
    one = written(facts, "one")
    run = done(facts, trash(one))
    with journal(facts).path.open("ab") as file:
        file.write(b'{"seq": 5, "at": "2026-')
    code, words = say("log", "--verify")
    assert code == 0
    assert "cut off in writing" in words
    assert say("undo", run, "--yes")[0] == 0
    assert one.exists()
    assert "cut off" not in say("log")[1]


def test_last_run_is_the_last_that_has_something_to_give_back(facts: Facts) -> None:
    run = done(facts, trash(written(facts, "one")))
    done(facts, Knock("door"))
    assert last_undoable(journal(facts)) == run
    undone(facts, run)
    assert last_undoable(journal(facts)) is None
