"""The example's own tests, among them the operators' line: curl -s …/health/db | jq -r .status, in both outcomes."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator

import pytest

from lab.arena import Arena

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    scratch = tmp_path_factory.mktemp("example")
    laid = Arena(scratch)
    try:
        laid.lay()
        yield laid
    finally:
        laid.stop()
        shutil.rmtree(scratch)


def test_back_end_passes_its_own_tests(arena: Arena) -> None:
    missing = [name for name in ("curl", "jq") if not shutil.which(name)]
    if missing:
        assert not os.environ.get("CI"), missing
        pytest.skip(f"not installed: {', '.join(missing)}; make system-deps")
    arena.install("-r", "requirements-dev.txt")
    said = arena.run(str(arena.python), "-m", "pytest", cwd=arena.backend)
    assert re.search(r"^[1-9]\d* passed", said, re.MULTILINE), said


def test_front_end_passes_its_own_tests(arena: Arena) -> None:
    said = arena.run("npm", "test", cwd=arena.frontend)
    assert re.search(r"Tests\s+[1-9]\d* passed", said), said
