"""A developer's machine: the example under Vite and a reloading server, while both sides are edited."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.arena import Arena, free_port
from lab.waiting import wait_for

pytestmark = pytest.mark.lab


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Arena]:
    laid = Arena(tmp_path)
    try:
        laid.lay()
        yield laid
    finally:
        laid.stop()
        shutil.rmtree(tmp_path)


def test_vite_and_a_reloading_server_are_fresh_while_files_are_edited(arena: Arena) -> None:
    port = free_port()
    arena.start("--reload")
    arena.spawn(["npm", "run", "dev", "--", "--port", str(port)], cwd=arena.frontend)
    wait_for(lambda: arena.ask("/", port=port).status == 200)
    assert "/@vite/client" in arena.ask("/", port=port).text
    arena.age()

    settings, hero = arena.backend / "app/settings.py", arena.frontend / "src/main.tsx"
    for number in range(3):
        settings.write_text(f"{settings.read_text()}\n# {'x' * number}\nEDIT_{number} = {number}\n")
        hero.write_text(f"{hero.read_text()}\n// {'x' * number}\n")
        report = arena.report()
        assert [each for each in report["findings"] if each["severity"] == "stale"] == []
        assert report["unknown"] == []
        assert report["verdict"] == "fresh"
        assert arena.unstale("check").returncode == 0
    assert {each["role"] for each in arena.processes()} >= {"server", "dev"}
