"""Golden transcripts of the text report. `make golden` writes them again; the diff is reviewed as prose."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from reports import ALL

from unstale.layer import Severity, State
from unstale.redact import printable
from unstale.render import text
from unstale.report import Report

GOLDEN = Path(__file__).parent / "golden"
CASES = {f"{name}-{width}": (name, width) for name in ALL for width in (80, 120)}
ESCAPE = re.compile(r"\x1b\[([\d;]*)m")
COLOURED = re.compile(r"\x1b\[(?:1;)?3\dm(.*?)\x1b\[0m")
SYMBOLS = "✗?!✓i☠"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(name: str, width: int = 80, *, colour: bool = False) -> str:
    return text.report(ALL[name](), verbose=name == "proven", width=width, colour=colour)


def agree(name: str, transcript: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UNSTALE_GOLDEN"):
        path.write_text(transcript + "\n", "utf-8")
    assert path.read_text("utf-8") == transcript + "\n", "if it reads better: make golden"


@pytest.mark.parametrize("case", CASES)
def test_report_reads_as_its_transcript(case: str) -> None:
    agree(case, shown(*CASES[case]))


def test_quiet_report_is_the_verdict_alone() -> None:
    agree("quiet-80", text.report(ALL["stale"](), quiet=True, width=80, colour=False))


def test_each_transcript_belongs_to_a_report() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} <= {*CASES, "quiet-80"}


def copied(seen: Report) -> list[str]:
    """Return what a person may copy, as it is shown: commands, edits, the place of a crash, the root."""
    whole = [each.where for each in seen.crashed]
    for each in seen.findings:
        finding = each.finding
        whole += [finding.want.source, finding.have.source]
        whole += finding.fix.preview()[:8] if finding.fix else ()
    root = str(seen.project.root)
    return [printable(root), *(printable(each.replace(f"{root}/", "")) for each in whole)]


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", ALL)
def test_what_a_person_copies_is_never_broken(name: str, width: int) -> None:
    lines = shown(name, width).splitlines()
    for each in copied(ALL[name]()):
        assert any(each in line for line in lines), each


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", ALL)
def test_only_what_has_no_break_is_wider_than_the_page(name: str, width: int) -> None:
    whole = copied(ALL[name]())
    for line in shown(name, width).splitlines()[:-1]:  # the verdict is one line everywhere
        alone = line.strip()
        assert len(line) <= width or " " not in alone or any(each in alone for each in whole)


def test_chain_is_a_line_a_layer_cut_at_the_page() -> None:
    lines = shown("long_path").splitlines()
    database = [line for line in lines if line.startswith("  DBF")]
    assert [len(line) for line in database] == [80]
    assert database[0].endswith("…")


def test_consequence_stands_below_its_root_and_repeats_no_fix() -> None:
    lines = shown("stale").splitlines()
    marks = [line[:12] for line in lines if "✗ " in line and " stale " not in line]
    assert marks == ["✗ ENV001 the", "  └─ ✗ ENV00", "  └─ ✗ PYC00", "✗ BLD001 the"]
    assert sum("install 3 packages" in line for line in lines) == 1


def test_stale_comes_before_risk_before_note() -> None:
    seen = shown("risk")
    assert seen.index("! HTP001") < seen.index("i GIT002")


@pytest.mark.parametrize("name", ALL)
def test_text_holds_no_control_character_and_encodes(name: str) -> None:
    seen = shown(name)
    seen.encode("utf-8")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", seen)


@pytest.mark.parametrize("name", ALL)
def test_colour_adds_nothing_but_colour(name: str) -> None:
    plain = "\n".join(
        line.rstrip() for line in ESCAPE.sub("", shown(name, colour=True)).split("\n")
    )
    assert plain == shown(name)


@pytest.mark.parametrize("name", ALL)
def test_symbol_accompanies_each_colour(name: str) -> None:
    coloured = COLOURED.findall(shown(name, colour=True))
    assert coloured
    assert all(set(each) & set(SYMBOLS) for each in coloured)


def test_each_state_has_its_own_symbol() -> None:
    states = {state: symbol for state, (symbol, _) in text._STATES.items()}
    severities = {severity: symbol for severity, (symbol, _) in text._SEVERITIES.items()}
    assert set(states) == set(State)
    assert set(severities) == set(Severity)
    assert len(set(states.values())) == len(State)
    assert len(set(severities.values())) == len(Severity)


def test_colours_are_readable_on_dark_and_on_light() -> None:
    used = {code for name in ALL for code in ESCAPE.findall(shown(name, colour=True))}
    # reset, bold, dim; bold red; green, yellow, magenta, cyan: no black, white, bright or background
    assert used <= {"0", "1", "2", "1;31", "32", "33", "35", "36"}


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_terminal_gets_colour_unless_it_wants_none(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], *, coloured: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", **environ}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", Terminal())
    assert ("\x1b" in text.report(ALL["stale"]())) is coloured


@pytest.mark.parametrize("force", ["", "1"])
def test_pipe_gets_no_escape_codes(monkeypatch: pytest.MonkeyPatch, force: str) -> None:
    monkeypatch.setenv("FORCE_COLOR", force)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert "\x1b" not in text.report(ALL["stale"]())


def test_width_is_that_of_the_page_also_where_the_terminal_is_dumb(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "100")
    assert shown("long_path", 120) == (GOLDEN / "long_path-120.txt").read_text("utf-8").rstrip()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert max(map(len, text.report(ALL["unknown"]()).splitlines())) == 100
