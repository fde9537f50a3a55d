"""The command that a reset leaves to a person's terminal runs there as it is."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from yard import Yard, erase

from lab.waiting import wait_for

VITE = """\
#!/usr/bin/env node
require("fs").writeFileSync(process.env.SAID, process.argv.slice(2).join("|"));
setInterval(() => {}, 1000);
"""
MANIFEST = '{"name": "shop", "scripts": {"dev": "tools/vite --host x", "build": "true"}}'


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    place = tmp_path / "a person's"
    place.mkdir()
    made = Yard(place)
    made.write("web/package.json", MANIFEST)
    made.write("web/tools/vite", VITE).chmod(0o755)
    made.write("web/.vite/x", "")
    made.write("unstale.toml", '[frontend]\npath = "web"\n')
    try:
        yield made
    finally:
        erase(made)


def test_npm_script_is_named_with_what_was_typed_behind_it(yard: Yard) -> None:
    said = yard.root.parent / "said"
    typed = ["npm", "run", "dev", "--prefix", str(yard.front), "--", "--open", "a b"]
    yard.spawn(typed, terminal=True, SAID=str(said))
    wait_for(said.exists)
    done = yard.unstale("reset", "--only", "frontend", "--yes")
    told = done.stdout + done.stderr
    line = told.partition("yours to start: ")[2].partition("\n")[0]
    assert done.returncode == 0, told
    assert line == f"cd {shlex.quote(str(yard.front))} && npm run dev -- --open 'a b'", told
