"""Every fault of the demonstration, on the real example: made, felt, found, cured, taken back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.arena import Arena
from lab.demo import _lying_route, _show
from lab.faults import FAULTS


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    scratch: Path = tmp_path_factory.mktemp("arena")
    laid = Arena(scratch)
    try:
        laid.lay()
        laid.start()
        yield laid
    finally:
        laid.stop()
        shutil.rmtree(scratch)


@pytest.mark.lab
def test_every_row_of_the_demonstration_holds(
    arena: Arena, capsys: pytest.CaptureFixture[str]
) -> None:
    healthy = arena.unstale("check")
    assert healthy.returncode == 0, healthy.stdout
    rows = {fault.code: _show(arena, fault).held for fault in FAULTS}
    rows["HTP012"] = _lying_route(arena).held
    assert rows == dict.fromkeys(rows, True), capsys.readouterr().out
