"""What a reset shows is what it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from unstale.actions.new_environment import NewEnvironment
from unstale.actions.new_modules import NewNodeModules


@pytest.mark.parametrize("cache", [True, False])
def test_way_past_the_caches_is_shown(tmp_path: Path, *, cache: bool) -> None:
    environment = NewEnvironment(
        prefix=f"{tmp_path}/.venv",
        base="/usr/bin/python3",
        lock=None,
        pins=("six==1.17.0",),
        local=(),
        tools=("pip==24.0",),
        cache=cache,
    )
    uv = [line for line in environment.preview() if line.startswith(("uv venv", "uv pip install"))]
    assert len(uv) == 3
    assert all(("--no-cache" in line) != cache for line in uv)
    (npm,) = [
        line
        for line in NewNodeModules(str(tmp_path), "npm", frozen=False, cache=cache).preview()
        if "npm ci" in line
    ]
    assert ("--cache $(mktemp -d)" in npm) != cache
