"""What is generated is what is on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_pages_and_the_readmes_screen_equal_what_the_code_generates() -> None:
    argv = [sys.executable, "scripts/docs.py", "--check"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_page_is_left_of_a_check_that_is_gone() -> None:
    from unstale.check import catalogue

    pages = {path.stem for path in (ROOT / "docs/checks").glob("*.md")} - {"README"}
    assert pages == {each.code for each in catalogue()}
