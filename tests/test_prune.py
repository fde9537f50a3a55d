"""What is kept is bounded by age and size, and the only copy of data is never removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from changes import Clock, Migrate, done, mounted, project, rows, sql, trash, undone
from test_schemas import valid

from unstale import prune as limits
from unstale import removal
from unstale.cli import program
from unstale.fact import Facts
from unstale.history import history
from unstale.journal import Journal
from unstale.perform import begin
from unstale.prune import Limits, prune, witnessed

SHORT = Limits(timedelta(days=14), 5 << 30)
LONG = Limits(timedelta(days=36500), 1 << 50)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Facts:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return project(tmp_path, clock)


def journal(facts: Facts) -> Journal:
    return Journal(facts.project.state)


def moved(facts: Facts, name: str, text: str = "x") -> str:
    path = facts.project.root / name
    path.write_text(text)
    return done(facts, trash(path))


def daily(facts: Facts, clock: Clock, days: int) -> list[str]:
    """A run a day."""
    runs = []
    for day in range(days):
        runs.append(moved(facts, f"file{day}"))
        clock.pass_by(days=1)
    return runs


def pruned(facts: Facts, **how: Limits) -> tuple[str, ...]:
    return prune(facts, begin(facts, "fix"), **how)


def kept(home: Path) -> list[str]:
    return sorted(each.name for each in home.iterdir()) if home.exists() else []


# --- age and size


def test_trash_older_than_the_limit_goes_and_the_journal_says_so(
    facts: Facts, clock: Clock
) -> None:
    runs = daily(facts, clock, 20)
    said = pruned(facts)
    assert kept(facts.project.trash) == runs[7:]
    assert len(said) == 7
    past = history(journal(facts).lines())
    assert list(past.pruned) == [f"trash/{each}" for each in runs[:7]]
    assert pruned(facts) == ()


def test_undo_of_a_pruned_step_says_when_its_trash_was_removed(
    facts: Facts, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = daily(facts, clock, 20)
    pruned(facts)
    day = f"{clock.time:%Y-%m-%d}"
    monkeypatch.chdir(facts.project.root)
    assert program.run(("undo", runs[0], "--yes")) == 2
    assert f"its trash was removed on {day}, to keep within the limits" in capsys.readouterr().err
    assert program.run(("log", "--verify")) == 0
    assert "7 no longer (removed to keep within the limits)" in capsys.readouterr().out
    assert program.run(("log",)) == 0
    assert f"trash/{runs[0]}" in capsys.readouterr().out
    assert program.run(("log", "--verify", "--format", "json")) == 0
    assert valid(capsys.readouterr().out, "unstale.log/1")["verified"]["pruned"] == 7


def test_newest_runs_stay_whatever_their_age_and_size(facts: Facts, clock: Clock) -> None:
    runs = daily(facts, clock, 5)
    pruned(facts, trash=Limits(timedelta(0), 0))
    assert kept(facts.project.trash) == runs[-limits.NEWEST :]


def test_oldest_goes_first_until_the_rest_fits(facts: Facts) -> None:
    runs = [moved(facts, f"file{at}", "x" * (1 << 20)) for at in range(6)]
    pruned(facts, trash=Limits(timedelta(days=36500), (4 << 20) + (1 << 18)))
    assert kept(facts.project.trash) == runs[2:]


def test_hard_links_count_for_their_share(tmp_path: Path) -> None:
    """An environment kept by hard links takes no room while the live one shares its files."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "live").write_bytes(b"x" * (1 << 20))
    os.link(tmp_path / "live", tmp_path / "kept/same")
    shared = removal.usage(str(tmp_path / "kept"))
    (tmp_path / "live").unlink()
    assert shared == pytest.approx(1 << 19, abs=8192)
    assert removal.usage(str(tmp_path / "kept")) == pytest.approx(1 << 20, abs=8192)


def test_fix_prunes_nothing_of_a_run_that_is_undecided_or_unknown(
    facts: Facts, clock: Clock
) -> None:
    runs = daily(facts, clock, 6)
    stranger = facts.project.trash / "20200101-000000-abcd/1"
    stranger.mkdir(parents=True)
    words = {"step": 2, "title": "x", "codes": [], "risk": "safe", "inverse": None}
    journal(facts).append(clock.now(), runs[0], "intent", words)
    pruned(facts, trash=Limits(timedelta(0), 0))
    assert kept(facts.project.trash) == [stranger.parent.name, runs[0], *runs[3:]]


# --- the clock


def test_clock_that_jumped_forward_deletes_nothing_new(facts: Facts, clock: Clock) -> None:
    runs = daily(facts, clock, 6)
    clock.pass_by(days=3650)
    assert pruned(facts) == ()
    assert kept(facts.project.trash) == runs
    clock.pass_by(days=-3650)  # and back
    assert pruned(facts) == ()
    clock.pass_by(days=3650)  # and forward again
    assert pruned(facts) == ()
    assert kept(facts.project.trash) == runs


def test_clock_that_went_back_makes_nothing_young_or_old(facts: Facts, clock: Clock) -> None:
    runs = daily(facts, clock, 12)
    clock.pass_by(days=-5000)
    runs += daily(facts, clock, 6)
    pruned(facts)
    assert kept(facts.project.trash) == sorted(runs[4:])
    ages = witnessed(journal(facts).lines())
    assert list(ages.values()) == sorted(ages.values())


# --- the only copy of data


@pytest.fixture
def shop(facts: Facts, clock: Clock) -> tuple[Path, list[str]]:
    """A database, migrated six times, a day apart: six backups."""
    path = facts.project.root / "shop.db"
    sql(path, "CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('a')")
    runs = []
    for at in range(6):
        runs.append(done(facts, Migrate(str(path), f"ALTER TABLE note ADD c{at} TEXT")))
        clock.pass_by(days=1)
    return path, runs


NONE = Limits(timedelta(0), 0)


def test_backup_goes_where_a_newer_one_is_whole(facts: Facts, shop: tuple[Path, list[str]]) -> None:
    backups = facts.project.state / "backups"
    assert kept(backups) == shop[1]
    assert len(pruned(facts, backups=NONE)) == 3
    assert kept(backups) == shop[1][3:]


@pytest.mark.parametrize("harm", ["gone", "empty", "garbage"])
def test_backup_stays_while_the_live_database_cannot_be_read(
    facts: Facts, shop: tuple[Path, list[str]], harm: str
) -> None:
    path, runs = shop
    path.unlink()
    if harm != "gone":
        path.write_bytes(b"" if harm == "empty" else b"garbage" * 999)
    assert pruned(facts, backups=NONE) == ()
    assert kept(facts.project.state / "backups") == runs


@pytest.mark.parametrize("harm", ["garbage", "half"])
def test_backup_stays_while_every_newer_one_is_damaged(
    facts: Facts, shop: tuple[Path, list[str]], harm: str
) -> None:
    _, runs = shop
    backups = facts.project.state / "backups"
    for run in runs[2:]:
        damaged = backups / run / "1/before.db"
        damaged.write_bytes(b"garbage" * 999 if harm == "garbage" else damaged.read_bytes()[:4096])
    pruned(facts, backups=NONE)
    assert kept(backups) == runs[1:]  # the first has a whole newer one: the second
    assert rows(backups / runs[1] / "1/before.db") == ["a"]


def test_last_backup_with_rows_stays_when_the_database_was_emptied(
    facts: Facts, shop: tuple[Path, list[str]], clock: Clock
) -> None:
    path, runs = shop
    sql(path, "DELETE FROM note")
    for at in range(5):
        runs.append(done(facts, Migrate(str(path), f"ALTER TABLE note ADD d{at} TEXT")))
    pruned(facts, backups=NONE)
    assert kept(facts.project.state / "backups") == [runs[5], *runs[-3:]]
    assert rows(facts.project.state / "backups" / runs[5] / "1/before.db") == ["a"]


def test_newest_backup_of_a_database_stays_however_many_runs_come_after(
    facts: Facts, clock: Clock, tmp_path: Path
) -> None:
    paths = [facts.project.root / f"{name}.db" for name in ("one", "two")]
    for path in paths:
        sql(path, "CREATE TABLE note (text TEXT)")
    only = done(facts, Migrate(str(paths[0]), "ALTER TABLE note ADD a TEXT"))
    others = [
        done(facts, Migrate(str(paths[1]), f"ALTER TABLE note ADD c{at} TEXT")) for at in range(5)
    ]
    pruned(facts, backups=NONE)
    assert kept(facts.project.state / "backups") == [only, *others[2:]]


def test_backup_with_a_note_is_known_by_it(
    facts: Facts, shop: tuple[Path, list[str]], clock: Clock
) -> None:
    """As `unstale db backup` leaves one: no inverse names it, the note beside it does."""
    path, runs = shop
    backups = facts.project.state / "backups"
    (backups / runs[0] / "1/before.db").rename(backups / runs[0] / "1/note.db")
    note = {"kind": "sqlite", "label": str(path)}
    (backups / runs[0] / "1/note.db.json").write_text(json.dumps(note))
    pruned(facts, backups=NONE)
    assert kept(backups) == runs[3:]


def test_database_that_nobody_can_name_stays(facts: Facts, shop: tuple[Path, list[str]]) -> None:
    """What a fix saved of a deleted database is known to no undo."""
    saved = facts.project.state / "backups" / shop[1][0] / "9/saved/merged.db"
    saved.parent.mkdir(parents=True)
    sql(saved, "CREATE TABLE note (text TEXT)")
    pruned(facts, backups=NONE)
    assert kept(facts.project.state / "backups") == [shop[1][0], *shop[1][3:]]


def test_replaced_database_is_kept_as_a_backup_is(
    facts: Facts, shop: tuple[Path, list[str]], clock: Clock
) -> None:
    path, runs = shop
    sql(path, "INSERT INTO note (text) VALUES ('mine')")
    from unstale.undo import ready, undo

    run = begin(facts, "undo")
    list(
        undo(facts, run, runs[-1], say=str, steps=ready(facts, journal(facts), runs[-1], accept=1))
    )
    pruned(facts, backups=NONE)
    assert kept(facts.project.state / "backups") == [*runs[4:], run.id]
    assert rows(facts.project.state / "backups" / run.id / "1/replaced.db") == ["a", "mine"]


def test_database_in_the_trash_is_no_trash(facts: Facts, clock: Clock) -> None:
    path = facts.project.root / "shop.db"
    sql(path, "CREATE TABLE note (text TEXT)")
    first = done(facts, trash(path))
    newest = daily(facts, clock, 5)[2:]
    pruned(facts, trash=NONE)
    assert kept(facts.project.trash) == [first, *newest]


def test_trash_that_a_process_still_uses_stays(facts: Facts, clock: Clock) -> None:
    first = moved(facts, "file")
    newest = daily(facts, clock, 3)
    with (facts.project.trash / first / "1/0-file").open("rb"):
        assert pruned(facts, trash=NONE) == ()
    pruned(facts, trash=NONE)
    assert kept(facts.project.trash) == newest


def test_log_that_a_server_still_writes_stays(facts: Facts, shop: tuple[Path, list[str]]) -> None:
    log = facts.project.state / "backups" / shop[1][0] / "2/output.log"
    log.parent.mkdir()
    with log.open("ab"):
        pruned(facts, backups=NONE)
        assert kept(facts.project.state / "backups") == [shop[1][0], *shop[1][3:]]
    pruned(facts, backups=NONE)
    assert kept(facts.project.state / "backups") == shop[1][3:]


# --- careful deletion


def test_links_are_removed_and_never_followed(facts: Facts, clock: Clock, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    package = facts.project.root / "package"
    package.mkdir()
    (package / "link").symlink_to(outside)
    (package / "file").symlink_to(outside / "precious")
    done(facts, trash(package))
    newest = daily(facts, clock, 3)
    pruned(facts, trash=NONE)
    assert kept(facts.project.trash) == newest
    assert (outside / "precious").read_text() == "x"


@pytest.mark.parametrize("place", [".unstale", ".unstale/trash"])
def test_trash_that_is_a_link_is_left_alone(
    facts: Facts, clock: Clock, tmp_path: Path, place: str
) -> None:
    runs = daily(facts, clock, 6)
    real = tmp_path / "real"
    (facts.project.root / place).rename(real)
    (facts.project.root / place).symlink_to(real)
    assert pruned(facts, trash=NONE) == ()
    assert kept(facts.project.trash) == runs


def test_run_that_is_a_link_is_not_followed(facts: Facts, clock: Clock, tmp_path: Path) -> None:
    runs = daily(facts, clock, 6)
    real = (facts.project.trash / runs[0]).rename(tmp_path / "real")
    (facts.project.trash / runs[0]).symlink_to(real)
    pruned(facts, trash=NONE)
    assert kept(facts.project.trash) == runs[3:]
    assert list(real.rglob("0-file0"))


def test_no_way_leads_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside/run").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    (tmp_path / "home/trash").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match="Not a directory|Too many levels"):
        removal.remove(str(tmp_path / "home/trash/run"), str(tmp_path / "home"))
    assert (tmp_path / "outside/run").exists()


SHUT = """\
import sys
from unstale.removal import remove
print(remove(sys.argv[1], sys.argv[2]))
"""


def test_directories_without_permission_are_emptied_too(tmp_path: Path) -> None:
    """As a user whom modes bind: root's are passed over."""
    from test_bad_input import plainly

    top = tmp_path / "tree"
    (top / "shut/inner").mkdir(parents=True)
    for name in ("shut/file", "shut/inner/file", "file"):
        (top / name).write_text("x")
    for path, mode in ((top / "shut/inner", 0), (top / "shut", 0o500), (top, 0o500)):
        path.chmod(mode)
    ran = subprocess.run(
        [*plainly(), sys.executable, "-c", SHUT, str(top), str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert (ran.stdout, ran.stderr) == ("6\n", "")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_deleted_is_said_and_tried_again(
    facts: Facts, clock: Clock, tmp_path: Path
) -> None:
    runs = daily(facts, clock, 4)
    with mounted(facts.project.trash / runs[0] / "busy", "1m") as busy:
        (busy / "precious").write_text("x")
        (said,) = pruned(facts, trash=NONE)
        assert f"a filesystem is mounted at {busy}" in said
        assert (busy / "precious").exists()
    assert f"removed the trash of {runs[0]}" in pruned(facts, trash=NONE)[0]
    assert kept(facts.project.trash) == runs[1:]


def test_deletion_that_was_cut_off_is_finished_and_never_taken_for_whole(
    facts: Facts, clock: Clock
) -> None:
    runs = daily(facts, clock, 4)
    (facts.project.trash / runs[0]).rename(facts.project.trash / f"{runs[0]}.removing")
    (said,) = pruned(facts, trash=LONG)
    assert "its removal had been cut off" in said
    assert kept(facts.project.trash) == runs[1:]


def test_deep_tree_is_removed_with_few_descriptors(tmp_path: Path) -> None:
    top = tmp_path / "deep"
    top.mkdir()
    at = os.open(top, os.O_RDONLY)
    for _ in range(1500):  # its path is longer than PATH_MAX
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    assert removal.remove(str(top), str(tmp_path)) >= 1501
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["{}", "{}/../other", "/etc"])
def test_only_what_lies_inside_is_removed(tmp_path: Path, path: str) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "home").mkdir()
    home = str(tmp_path / "home")
    with pytest.raises((TypeError, ValueError)):
        removal.remove(path.format(home), home)
    assert kept(tmp_path) == ["home", "other"]


def test_hundred_thousand_files_are_moved_undone_and_removed_in_seconds(
    facts: Facts,
    clock: Clock,
    record_property: pytest.RecordProperty,  # type: ignore[name-defined]
) -> None:
    big = facts.project.root / "node_modules"
    for at in range(100):
        (big / f"p{at}").mkdir(parents=True)
        (big / f"p{at}/0.js").touch()
        for number in range(
            1, 1000
        ):  # links: to make as many inodes takes longer than all the rest
            os.link(big / f"p{at}/0.js", big / f"p{at}/{number}.js")
    run = done(facts, trash(big))
    began = time.perf_counter()
    undone(facts, run)
    took = time.perf_counter() - began
    assert len(os.listdir(big)) == 100
    assert took < 1, took
    done(facts, trash(big))
    daily(facts, clock, 3)
    began = time.perf_counter()
    (said, *_) = pruned(facts, trash=NONE)
    seconds = time.perf_counter() - began
    assert "files" in said
    rate = 100_000 / seconds
    record_property("files_per_second", rate)
    print(f"\nundo {took:.3f} s; pruned 100,000 files in {seconds:.2f} s: {rate:,.0f} files/s")
    assert rate > 3_000  # on a disk that others use
