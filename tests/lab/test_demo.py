"""Every row of the demonstration, on one example: made, felt, found, cured, taken back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.arena import Arena
from lab.demo import SHOWN, show
from lab.fault import of_code


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Arena]:
    laid = Arena(tmp_path)
    try:
        laid.lay()
        laid.start()
        yield laid
    finally:
        laid.stop()
        shutil.rmtree(tmp_path)


@pytest.mark.lab
def test_every_row_of_the_demonstration_holds(
    arena: Arena, capsys: pytest.CaptureFixture[str]
) -> None:
    healthy = arena.unstale("check")
    assert healthy.returncode == 0, healthy.stdout
    rows = {code: show(arena, name, of_code(code)).held for name, code in SHOWN}
    assert rows == dict.fromkeys(rows, True), capsys.readouterr().out
