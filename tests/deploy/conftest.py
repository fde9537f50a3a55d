"""Fixtures of deploys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy.sited import Sited


@pytest.fixture
def sited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sited]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    made = Sited(tmp_path / "shop")
    yield made
    made.end()
