"""A kill at any point leaves the former state or the new one, and the next command says which."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.crash import CASES, Case, tally
from lab.patient import lay

EVERY = 11
"""Of about 300 points this many are stepped over; `make crash` takes each."""


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay(tmp_path_factory.mktemp("crash"))


@pytest.mark.lab
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_killed_command_is_decided_by_the_next(case: Case, laid: Path, tmp_path: Path) -> None:
    counted = tally(case, tmp_path / "kills", laid, EVERY)
    assert counted.wrong == []
    assert counted.points >= 1
    assert counted.old + counted.new >= counted.points
