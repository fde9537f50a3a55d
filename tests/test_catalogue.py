"""Laws over the whole catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.fault import fault_of
from unstale.check import HEADINGS, RETIRED, Check, catalogue
from unstale.examine import examine
from unstale.fact import Options
from unstale.layer import Layer, Risk, State
from unstale.local import LocalHost
from unstale.project import Project
from unstale.recording import RecordedFacts

CODES = [each.code for each in catalogue()]
each_check = pytest.mark.parametrize("check", catalogue(), ids=CODES)


@each_check
def test_code_names_its_layer_and_slug_its_file(check: Check) -> None:
    assert re.fullmatch(rf"{check.layer.value}\d{{3}}", check.code)
    assert check.code not in RETIRED
    assert Path(check.where.rpartition(":")[0]).stem == check.slug


@each_check
def test_title_fits_and_is_a_plain_clause(check: Check) -> None:
    assert len(check.title) <= 72
    assert not check.title.endswith(".")
    assert "!" not in check.title


@each_check
def test_every_heading_has_its_text_in_order(check: Check) -> None:
    parts = re.split(r"\n\n", check.doc)
    headings = [part.splitlines()[0] for part in parts if part.splitlines()[0] in HEADINGS]
    assert headings == list(HEADINGS)
    assert all(len(part.splitlines()) > 1 for part in parts if part.splitlines()[0] in HEADINGS)


@each_check
def test_check_file_is_short(check: Check) -> None:
    path = Path(check.where.rpartition(":")[0])
    assert len(path.read_text().splitlines()) <= 115, path


@each_check
def test_check_has_a_lab_fault_and_a_manual_one_an_edit(check: Check) -> None:
    """Each is injected, found, cured and proven fresh in tests/lab/test_faults.py."""
    fault = fault_of(check)
    assert callable(fault.inject)
    assert not check.manual or callable(fault.edit)


@each_check
def test_facts_that_were_not_seen_are_unknown_never_fresh(check: Check, tmp_path: Path) -> None:
    project = Project(root=tmp_path, name="nothing")
    report = examine(RecordedFacts(project, LocalHost(), Options(), {}), [check])
    assert [each.code for each in report.unknown] == [check.code]
    assert report.verdict is State.UNKNOWN
    assert report.exit == 3


@each_check
def test_undoable_or_not_is_said_by_risk(check: Check) -> None:
    if check.fix.risk is Risk.SAFE:
        assert check.fix.undoable, f"{check.fix.__name__} is called safe and cannot be undone"


def test_codes_are_unique_and_in_the_order_of_repair() -> None:
    assert len(set(CODES)) == len(CODES)
    positions = [each.layer.position for each in catalogue()]
    assert positions == sorted(positions)
    assert {each.layer for each in catalogue()} <= set(Layer)


def test_every_check_judges_facts_alone_with_every_door_shut(site) -> None:  # type: ignore[no-untyped-def]
    """Judging opens nothing: an audit hook refuses files, sockets and programs."""
    import subprocess
    import sys

    site.serve()
    record = site.root.parent / "record.json"
    assert site.unstale("check", "--record", str(record)).returncode == 0
    code = f"""
import sys
from pathlib import Path
from unstale.check import catalogue
from unstale.cli.check import _replayed
from unstale.errors import UnstaleError
facts, checks = _replayed(Path({str(record)!r})), catalogue()
for each in checks:
    for kind, optional in each.needs:
        try: facts.get(kind)
        except UnstaleError: pass
shut = True
def hook(event, args):
    if event in ("open", "socket.connect", "subprocess.Popen", "os.listdir", "os.scandir") and shut:
        raise RuntimeError(event)
sys.addaudithook(hook)
judged = 0
for each in checks:
    try: judged += len(each.verdicts(facts))
    except UnstaleError: pass
shut = False
print(judged)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=site.environ()
    )
    assert int(done.stdout) > 3
