"""A point is a function of the report: what is not known, left out or silenced is never fine."""

from __future__ import annotations

from typing import Any

import pytest
from reports import found, report, shows

from unstale.action import Edit
from unstale.checklist.judged import CHECKOUT, HEALTH, PROCESSES, judged
from unstale.checklist.point import Mark, Point
from unstale.finding import Finding, Fresh
from unstale.layer import Layer, Severity
from unstale.report import Crashed, LeftOut, NotKnown, Proven, Silenced

ONE, TWO = shows("started 09:00", "ps -p 4711"), shows("/srv/app", "readlink /proc/4711/cwd")
PROVEN = (
    Proven("PRC002", Layer.PROCESS, Fresh("process 4711", TWO, TWO)),
    Proven("PRC001", Layer.PROCESS, Fresh("process 4711", ONE, ONE)),
)


def finding(code: str, severity: Severity, fix: Edit | None = None) -> Any:
    said = Finding("process 4711", "words.py changed", ONE, TWO, fix, severity)
    return found(code, "slug", "it runs older code", said)


def processes(**seen: Any) -> Point:
    return judged(PROCESSES, report(proven=PROVEN, **seen)).point()


def test_proof_comes_first_with_its_subject_and_command() -> None:
    point = processes()
    assert point.mark is Mark.VERIFIED
    assert [each.value for each in point.evidence] == [
        "process 4711: started 09:00",
        "process 4711: /srv/app",
    ]
    assert point.evidence[0].source == "ps -p 4711"
    assert point.again == "unstale check -v --only SUP,PRC"


def test_what_another_check_proves_is_not_what_the_title_says() -> None:
    point = judged(PROCESSES, report(proven=PROVEN[:1])).point()
    assert (point.mark, point.why) == (Mark.NOT_CHECKED, "PRC001 had nothing to judge")


def test_proving_check_that_found_something_had_something_to_judge() -> None:
    said = report(proven=PROVEN[:1], findings=(finding("PRC001", Severity.STALE),))
    point = judged(PROCESSES, said).point()
    assert (point.mark, point.why) == (Mark.FAILED, "")


@pytest.mark.parametrize("severity", [Severity.STALE, Severity.RISK])
def test_stale_and_risk_fail_with_code_fix_and_both_evidences(severity: Severity) -> None:
    edit = Edit("restart it", ("kill 4711",))
    point = processes(findings=(finding("PRC001", severity, edit),))
    (failure,) = point.failures
    assert point.mark is Mark.FAILED
    assert (failure.code, failure.fix) == ("PRC001", "unstale fix PRC001")
    assert failure.because == "it runs older code: words.py changed"
    assert (failure.evidence, failure.preview) == ((ONE, TWO), ("kill 4711",))


def test_finding_without_a_fix_names_its_explanation() -> None:
    (failure,) = processes(findings=(finding("PRC001", Severity.STALE),)).failures
    assert failure.fix == "unstale explain PRC001"


def test_note_of_the_proving_check_is_not_fine_and_of_another_says_nothing() -> None:
    assert processes(findings=(finding("PRC002", Severity.NOTE),)).mark is Mark.VERIFIED
    behind = report(findings=(finding("GIT002", Severity.NOTE),))
    point = judged(CHECKOUT, behind).point()
    assert point.mark is Mark.NOT_CHECKED
    assert point.why == "GIT002: process 4711: words.py changed"


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({"unknown": (NotKnown("PRC001", Layer.PROCESS, "it is shut", "ls"),)}, "PRC001: it is shut"),
        ({"crashed": (Crashed("PRC001", Layer.PROCESS, "KeyError", "a:1"),)}, "PRC001 crashed: KeyError"),
        ({"skipped": (LeftOut("PRC001", Layer.PROCESS, "settings"),)}, "PRC001 is left out by settings"),
        ({"silenced": (Silenced("PRC001", "at night"),)}, "PRC001 is silenced: at night"),
    ],
)  # fmt: skip
def test_word_that_is_missing_is_not_fine(seen: dict[str, Any], why: str) -> None:
    point = processes(**seen)
    assert (point.mark, point.why) == (Mark.NOT_CHECKED, why)


def test_words_of_other_points_say_nothing() -> None:
    other = {
        "findings": (finding("HTP001", Severity.RISK),),
        "unknown": (NotKnown("DBF001", Layer.DATABASE, "it is shut", "ls"),),
    }
    assert processes(**other).mark is Mark.VERIFIED
    assert judged(HEALTH, report(**other)).point().mark is Mark.NOT_APPLICABLE


def test_what_is_not_here_says_why_as_its_layer_does() -> None:
    point = judged(CHECKOUT, report()).point()
    assert (point.mark, point.why) == (Mark.NOT_APPLICABLE, "main 4f2a91c = origin/main")
