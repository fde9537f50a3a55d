"""The engine's own promises, with facts and actions made for the test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from unstale import codec
from unstale.action import Action, Edit, Keep
from unstale.actions.files import MoveToTrash
from unstale.check import Check
from unstale.errors import Absent, Failed, Halted, Locked, Refused, Skipped, Unavailable
from unstale.evidence import Evidence
from unstale.examine import examine
from unstale.fact import Fact, Facts, Options
from unstale.finding import Finding, Fresh
from unstale.journal import Journal, locked
from unstale.layer import Layer, Risk, Severity, State
from unstale.local import LocalHost
from unstale.perform import begin, perform
from unstale.plan import Plan, Step, plan
from unstale.project import Project
from unstale.report import Report, Reported
from unstale.undo import undo, undoable

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather(Fact):
    layer = Layer.HTTP
    words: tuple[str, ...]
    at: datetime
    extra: dict[str, int]

    @classmethod
    def gather(cls, facts: Facts) -> Weather:
        return cls(seen_at=NOW, words=("rain", "\udcff"), at=NOW, extra={"a": 1})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden(Fact):
    @classmethod
    def gather(cls, facts: Facts) -> Hidden:
        raise Unavailable(what="the cellar", why="it is locked", next="Bring the key.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nowhere(Fact):
    @classmethod
    def gather(cls, facts: Facts) -> Nowhere:
        raise Absent(what="the tower", why="there is none", next="Build one.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dear(Fact):
    costly = "a long look"

    @classmethod
    def gather(cls, facts: Facts) -> Dear:
        raise AssertionError


def evidence(value: str) -> Evidence:
    return Evidence(value, "ls", NOW)


def finding(subject: str, **more: object) -> Finding:
    return Finding(subject, "it differs", evidence("a"), evidence("b"), **more)  # type: ignore[arg-type]


def made(code: str, judge: object, *needs: tuple[type[Fact], bool]) -> Check:
    layer = next(each for each in Layer if code.startswith(each.value))
    return Check(code, "t", layer, "0", Severity.STALE, Edit, "s", "d", tuple(needs), judge, "f:1")  # type: ignore[arg-type]


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "root").mkdir()
    return Facts(Project(tmp_path / "root", "p"), LocalHost(changing=True))


def test_facts_survive_json_also_bytes_that_are_no_text() -> None:
    fact = Weather.gather(None)  # type: ignore[arg-type]
    assert codec.decode(Weather, json.loads(json.dumps(codec.encode(fact)))) == fact


def test_missing_fact_is_unknown_never_fresh(facts: Facts) -> None:
    report = examine(facts, [made("HTP900", lambda fact: iter(()), (Hidden, False))])
    assert report.verdict is State.UNKNOWN
    assert report.exit == 3
    assert report.unknown[0].because == "the cellar: it is locked"


def test_unreadable_file_is_unknown_and_named(facts: Facts) -> None:
    class Denying(LocalHost):
        def read(self, path: str, limit: int | None = None) -> bytes:
            raise PermissionError(13, "Permission denied", path)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Secret(Fact):
        @classmethod
        def gather(cls, facts: Facts) -> Secret:
            facts.host.read("/srv/secret")
            raise AssertionError

    report = examine(
        Facts(facts.project, Denying()), [made("HTP900", lambda fact: iter(()), (Secret, False))]
    )
    assert report.exit == 3
    assert report.unknown[0].because == "cannot read /srv/secret: Permission denied"


def test_absent_part_leaves_the_exit_alone(facts: Facts) -> None:
    report = examine(facts, [made("HTP900", lambda fact: iter(()), (Nowhere, False))])
    assert (report.verdict, report.exit) == (State.FRESH, 0)
    assert report.layers[-1].state is State.ABSENT


def test_optional_fact_that_is_absent_is_none(facts: Facts) -> None:
    seen: list[object] = []

    def judge(fact: object) -> Iterator[Fresh]:
        seen.append(fact)
        yield Fresh("x", evidence("a"), evidence("a"))

    assert examine(facts, [made("HTP900", judge, (Nowhere, True))]).exit == 0
    assert seen == [None]


def test_fast_leaves_costly_facts_out(facts: Facts) -> None:
    quick = Facts(facts.project, facts.host, Options(fast=True))
    with pytest.raises(Skipped):
        quick.get(Dear)
    report = examine(quick, [made("HTP900", lambda fact: iter(()), (Dear, False))])
    assert report.skipped[0].by == "--fast"
    assert report.exit == 0


def test_crashed_check_crashes_alone(facts: Facts) -> None:
    def crash(fact: object) -> Iterator[Fresh]:
        raise ZeroDivisionError
        yield

    def stale(fact: object) -> Iterator[Finding]:
        yield finding("x")

    report = examine(
        facts, [made("HTP900", crash, (Weather, False)), made("HTP901", stale, (Weather, False))]
    )
    assert report.crashed[0].what.startswith("ZeroDivisionError")
    assert [each.code for each in report.findings] == ["HTP901"]
    assert report.exit == 4


def test_consequence_names_its_root_and_circles_have_none(facts: Facts) -> None:
    def root(fact: object) -> Iterator[Finding]:
        yield finding("r", explains=frozenset({"pid:1"}))

    def middle(fact: object) -> Iterator[Finding]:
        yield finding("m", touches=frozenset({"pid:1"}), explains=frozenset({"port:1"}))

    def end(fact: object) -> Iterator[Finding]:
        yield finding("e", touches=frozenset({"port:1"}))

    needs = (Weather, False)
    report = examine(
        facts,
        [made("GIT900", root, needs), made("PRC901", middle, needs), made("HTP902", end, needs)],
    )
    ids = {each.code: each for each in report.findings}
    assert ids["GIT900"].root is None
    assert ids["PRC901"].root == ids["HTP902"].root == ids["GIT900"].id

    def left(fact: object) -> Iterator[Finding]:
        yield finding("l", explains=frozenset({"a"}), touches=frozenset({"b"}))

    def right(fact: object) -> Iterator[Finding]:
        yield finding("r", explains=frozenset({"b"}), touches=frozenset({"a"}))

    circle = examine(facts, [made("GIT900", left, needs), made("PRC901", right, needs)])
    assert [each.root for each in circle.findings] == [None, None]


@dataclass(frozen=True, slots=True)
class Put(Action):
    """Writes a file; `broken` fails half-way."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.BUILD
    undoable: ClassVar[bool] = True

    path: str
    text: str
    broken: bool = False

    def title(self) -> str:
        return f"put {self.path}"

    def preview(self) -> tuple[str, ...]:
        return (f"echo {self.text} > {self.path}",)

    def settled(self, facts: Facts) -> bool:
        return Path(self.path).exists() and Path(self.path).read_text() == self.text

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return Put(self.path, Path(self.path).read_text())

    def apply(self, host: object, keep: Keep) -> None:
        Path(self.path).write_text(self.text)
        if self.broken:
            raise Failed(what="half-way", why="it broke", next="Look.")


def step(action: Action, code: str = "BLD900", **more: object) -> Step:
    return Step(action, (Reported(code, "s", "t", action.layer, finding("x", fix=action, **more)),))


def report_of(facts: Facts, *findings: Reported) -> Report:
    empty: tuple[()] = ()
    return Report(facts.project, NOW, 0.0, empty, findings, empty, empty, empty, empty, empty, 0)


def test_equal_actions_merge_and_restarts_come_last(facts: Facts) -> None:
    @dataclass(frozen=True, slots=True)
    class Again(Put):
        restarts: ClassVar[bool] = True
        layer: ClassVar[Layer] = Layer.GIT

    first, again = Put("f", "x"), Again("g", "x")
    findings = [
        Reported("GIT900", "s", "t", Layer.GIT, finding("1", fix=again)),
        Reported("BLD900", "s", "t", Layer.BUILD, finding("2", fix=first)),
        Reported("PRC900", "s", "t", Layer.PROCESS, finding("3", fix=again)),
        Reported("HTP900", "s", "t", Layer.HTTP, finding("4", fix=Edit("e", ()))),
    ]
    steps = plan(report_of(facts, *findings)).steps
    assert [each.action for each in steps] == [first, again, Edit("e", ())]
    assert steps[1].codes == ("GIT900", "PRC900")


def test_veto_forbids_restarts_until_it_is_cured_or_named(facts: Facts) -> None:
    veto = Reported("DBF900", "s", "a veto", Layer.DATABASE, finding("db", forbids_restart=True))
    assert plan(report_of(facts, veto)).forbidden == "DBF900 db: a veto"


def test_veto_stands_when_its_cure_fails(facts: Facts) -> None:
    @dataclass(frozen=True, slots=True)
    class Again(Put):
        restarts: ClassVar[bool] = True

    target, other = facts.project.root / "file", facts.project.root / "other"
    veto = finding("db", fix=Put(str(target), "x", broken=True), forbids_restart=True)
    report = report_of(
        facts,
        Reported("SCH900", "s", "a veto", Layer.SCHEMA, veto),
        Reported("PRC900", "s", "t", Layer.PROCESS, finding("3", fix=Again(str(other), "x"))),
    )
    target.write_text("before")
    run = begin(facts, "fix")
    failed, refused = perform(run, plan(report), facts, limit=Risk.DISRUPTIVE, say=str)
    assert (failed.state, refused.state) == ("failed", "refused")
    assert refused.note == "no restart while this stands: SCH900 db: a veto"
    assert not other.exists()


def test_failed_step_is_taken_back_and_journaled(facts: Facts) -> None:
    target = facts.project.root / "file"
    target.write_text("before")
    run = begin(facts, "fix")
    outcomes = list(
        perform(
            run,
            Plan((step(Put(str(target), "after", broken=True)),)),
            facts,
            limit=Risk.DISRUPTIVE,
            say=str,
        )
    )
    assert [each.state for each in outcomes] == ["failed"]
    assert "taken back" in outcomes[0].note
    assert target.read_text() == "before"
    assert [line.event for line in run.journal.lines()] == ["begin", "intent", "failed"]


def test_done_step_is_undone_once_and_twice_changes_nothing(facts: Facts) -> None:
    target = facts.project.root / "file"
    target.write_text("before")
    run = begin(facts, "fix")
    todo = Plan((step(MoveToTrash((str(target),))),))
    assert [each.state for each in perform(run, todo, facts, limit=Risk.SAFE, say=str)] == ["done"]
    assert not target.exists()
    again = list(perform(run, todo, facts, limit=Risk.SAFE, first=2, say=str))
    assert again[0].note == "nothing was left to do"
    assert len(undoable(run.journal, run.id)) == 1
    back = begin(facts, "undo")
    assert [each.state for each in undo(facts, back, run.id, say=str)] == ["done"]
    assert target.read_text() == "before"
    assert undoable(run.journal, run.id) == []


def test_run_with_one_step_in_the_way_is_refused_before_anything_changes(facts: Facts) -> None:
    first, second = (facts.project.root / name for name in ("first", "second"))
    for each in (first, second):
        each.write_text("before")
    run = begin(facts, "fix")
    todo = Plan(tuple(step(MoveToTrash((str(each),))) for each in (first, second)))
    list(perform(run, todo, facts, limit=Risk.SAFE, say=str))
    first.write_text("there again")
    with pytest.raises(Refused, match="it would be overwritten"):
        list(undo(facts, begin(facts, "undo"), run.id, say=str))
    assert first.read_text() == "there again"
    assert not second.exists()


@pytest.mark.parametrize(("limit", "state"), [(Risk.SAFE, "skipped"), (Risk.DISRUPTIVE, "done")])
def test_risk_limit_holds(facts: Facts, limit: Risk, state: str) -> None:
    target = facts.project.root / "file"
    target.write_text("before")
    outcomes = list(
        perform(
            begin(facts, "fix"), Plan((step(Put(str(target), "x")),)), facts, limit=limit, say=str
        )
    )
    assert outcomes[0].state == state


def test_torn_last_line_is_cut_and_an_edited_one_stops_everything(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(NOW, "r", "begin", {"command": "fix"})
    journal.append(NOW, "r", "end", {})
    with journal.path.open("ab") as file:
        file.write(b'{"seq": 3, "to')
    assert [line.seq for line in journal.lines()] == [1, 2]
    journal.append(NOW, "r", "note", {})
    assert [line.seq for line in journal.lines()] == [1, 2, 3]
    journal.path.write_text(journal.path.read_text().replace('"fix"', '"fux"'))
    with pytest.raises(Halted, match="line 1"):
        journal.lines()


def test_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    with (
        locked(tmp_path, "fix", NOW),
        pytest.raises(Locked, match="fix by .* since 2026-01-01"),
        locked(tmp_path, "undo", NOW),
    ):
        pass
    with locked(tmp_path, "fix", NOW):
        pass


def test_looking_host_refuses_to_change(tmp_path: Path) -> None:
    host = LocalHost()
    target = str(tmp_path / "x")
    attempts = [
        lambda: host.write(target, b""),
        lambda: host.rename(target, target + "2"),
        lambda: host.makedirs(target),
        lambda: host.act(("touch", target)),
    ]
    for attempt in attempts:
        with pytest.raises(TypeError, match="a looking host"):
            attempt()
    assert list(tmp_path.iterdir()) == []
