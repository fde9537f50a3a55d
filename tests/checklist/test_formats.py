"""A checklist of values, in each format."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from unstale import __version__
from unstale.checklist.point import Checklist, Failure, Mark, Point, Seen, Topic
from unstale.evidence import Evidence
from unstale.project import Project
from unstale.render import checklist_json, checklist_markdown, checklist_text

NOW = datetime(2026, 11, 24, 9, 12, 3, tzinfo=UTC)
ROOT = Path("/srv/shop")
SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs/schema/unstale.checklist-1.json").read_text()
)


def shows(value: str, source: str) -> Evidence:
    return Evidence(value, source, NOW)


def seen() -> Checklist:
    started = shows("process 4711: started 09:01", "ps -p 4711")
    many = tuple(shows(f"file {number}", f"stat {ROOT}/{number}") for number in range(5))
    want, have = shows("no-cache", "curl -sI http://a/"), shows("no rule", "curl -sI http://a/")
    rule = Failure("page at http://a", "by guess", "unstale fix HTP001", "HTP001", (want, have))
    evil = shows("ValueError: `x` [a](http://evil) @all <b>\n- [x] fine", f"tail {ROOT}/app.log")
    log = Failure("process 4711", "1 error since it started", "repair the cause", evidence=(evil,))
    points = (
        Point(Topic("processes", "Every process runs today's code", (1,)), Mark.VERIFIED, "", "unstale check", (started,), ()),
        Point(Topic("bytecode", "No bytecode hides", (2,)), Mark.VERIFIED, "", "unstale check -v", many, ()),
        Point(Topic("caches", "The caches are cleared", (3, 6)), Mark.NOT_APPLICABLE, "no point", "unstale explain pip-cache", (), ()),
        Point(Topic("browser", "Browsers ask", (7,)), Mark.FAILED, "", "unstale check", (), (rule,)),
        Point(Topic("logs", "No error", (9,)), Mark.FAILED, "", "unstale checklist", (), (log,)),
        Point(Topic("way_back", "There is a way back"), Mark.NOT_CHECKED, "no release was deployed", "unstale log", (), ()),
    )  # fmt: skip
    return Checklist(Project(ROOT, "shop"), NOW, 0.41, points)


TEXT = """\
shop  /srv/shop  1-10: the folk guide's points, +: ours

  1 ✓ Every process runs today's code  verified
      process 4711: started 09:01
        ps -p 4711
  2 ✓ No bytecode hides  verified
      file 0
        stat 0
      file 1
        stat 1
      file 2
        stat 2
      … 2 more: unstale check -v
3,6 · The caches are cleared  not applicable
      no point
  7 ✗ Browsers ask  failed
      HTP001 page at http://a
      by guess
        no-cache
          curl -sI http://a/
        no rule
          curl -sI http://a/
      fix   unstale fix HTP001
  9 ✗ No error  failed
      process 4711
      1 error since it started
        ValueError: `x` [a](http://evil) @all <b>\\n- [x] fine
          tail app.log
      fix   repair the cause
  + ? There is a way back  not checked
      no release was deployed

✗ 2 failed, 1 not checked, 2 verified, 1 not applicable  (0.41 s)"""

MARKDOWN = """\
## Deployment checklist of shop

**2 failed, 1 not checked, 2 verified, 1 not applicable** · `/srv/shop` · 2026-11-24 09:12:03 UTC · unstale VERSION

- [x] **Every process runs today's code** (guide 1)
  - process 4711: started 09:01 ← `ps -p 4711`
- [x] **No bytecode hides** (guide 2)
  - file 0 ← `stat 0`
  - file 1 ← `stat 1`
  - file 2 ← `stat 2`
  - file 3 ← `stat 3`
  - file 4 ← `stat 4`
- **The caches are cleared** (guide 3, 6): not applicable: no point
- [ ] ✗ **Browsers ask** (guide 7): failed
  - **HTP001** page at http://a: by guess; fix: `unstale fix HTP001`
    - no-cache ← `curl -sI http://a/`
    - no rule ← `curl -sI http://a/`
- [ ] ✗ **No error** (guide 9): failed
  - process 4711: 1 error since it started; fix: `repair the cause`
    - ``ValueError: `x` [a](http://evil) @all <b>\\n- [x] fine`` ← `tail app.log`
- [ ] ? **There is a way back**: not checked: no release was deployed"""


def test_text_reads_as_its_transcript() -> None:
    assert checklist_text.checklist(seen(), width=80, colour=False) == TEXT


def test_colours_are_of_the_marks_alone_and_beside_a_symbol() -> None:
    shown = checklist_text.checklist(seen(), width=80, colour=True)
    assert "\x1b[1;31m  7 ✗ " in shown
    assert "\x1b[32m  1 ✓ " in shown


def test_markdown_reads_as_its_transcript_and_a_log_marks_nothing_up() -> None:
    assert checklist_markdown.checklist(seen()) == MARKDOWN.replace("VERSION", __version__)


def test_only_what_was_verified_is_ticked() -> None:
    lines = checklist_markdown.checklist(seen()).splitlines()
    assert sum(line.startswith("- [x]") for line in lines) == seen().count(Mark.VERIFIED)


def test_json_is_of_its_schema_and_says_the_same() -> None:
    document = checklist_json.checklist(seen())
    points = {each["point"]: each for each in document["points"]}
    assert points["browser"]["failures"][0]["code"] == "HTP001"
    assert points["logs"]["failures"][0]["code"] is None
    assert points["way_back"] == {
        "point": "way_back",
        "title": "There is a way back",
        "guide": [],
        "state": "not_checked",
        "why": "no release was deployed",
        "again": "unstale log",
        "evidence": [],
        "failures": [],
    }
    assert document["counts"] == {
        "failed": 2,
        "not_checked": 1,
        "verified": 2,
        "not_applicable": 1,
    }
    few = SCHEMA | {
        "properties": SCHEMA["properties"] | {"points": {"items": {"$ref": "#/$defs/point"}}}
    }
    Draft202012Validator(few).validate(json.loads(json.dumps(document)))


@pytest.mark.parametrize(
    "change",
    [
        {"state": "fine"},
        {"state": "verified", "evidence": []},
        {"state": "failed"},
        {"state": "not_checked", "why": ""},
        {"point": "pip cache"},
        {"surprise": 1},
    ],
)
def test_point_that_breaks_the_contract_is_refused(change: dict[str, object]) -> None:
    point = checklist_json.checklist(seen())["points"][0]
    only = {"$defs": SCHEMA["$defs"], "$ref": "#/$defs/point"}
    Draft202012Validator(only).validate(point)
    with pytest.raises(ValidationError):
        Draft202012Validator(only).validate(point | change)


def test_exit_is_1_where_a_point_failed_and_4_where_a_check_crashed() -> None:
    assert seen().exit == 1
    well = tuple(each for each in seen().points if each.mark is not Mark.FAILED)
    assert Checklist(Project(ROOT, "shop"), NOW, 0.4, well).exit == 0
    crashed = Checklist(Project(ROOT, "shop"), NOW, 0.4, well, ("PRC001",))
    assert crashed.exit == 4
    assert "PRC001 crashed" in checklist_text.checklist(crashed, width=80, colour=False)
    assert "PRC001 crashed" in checklist_markdown.checklist(crashed)


@pytest.mark.parametrize(
    ("more", "mark", "why"),
    [
        ({}, Mark.NOT_APPLICABLE, "nothing of the kind is here"),
        ({"nothing": "no front end"}, Mark.NOT_APPLICABLE, "no front end"),
        ({"evidence": [shows("a", "b")]}, Mark.VERIFIED, ""),
        ({"evidence": [shows("a", "b")], "unknown": ["shut"]}, Mark.NOT_CHECKED, "shut"),
        ({"unknown": ["shut"], "failures": [Failure("a", "b", "c")]}, Mark.FAILED, "shut"),
    ],
)
def test_mark_is_the_worst_of_what_was_seen(more: dict[str, object], mark: Mark, why: str) -> None:
    point = Seen(Topic("a", "A"), "unstale check", **more).point()  # type: ignore[arg-type]
    assert (point.mark, point.why) == (mark, why)
