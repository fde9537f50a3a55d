from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Site

READER = """\
import os
from dotenv import load_dotenv
load_dotenv()
GREETING = os.environ.get("GREETING", "none")
"""
CANARY = "canary-7f3a-value"


@pytest.fixture
def reading(site: Site) -> Site:
    site.write("app/words.py", READER)
    site.write(".env", f"GREETING=one\nSECRET_KEY={CANARY}\n")
    site.commit()
    return site


def test_env_file_written_after_the_start_is_found_and_cured(reading: Site) -> None:
    reading.serve()
    reading.old()
    reading.write(".env", "GREETING=two\n")
    assert reading.answer() == {"hello": "one"}
    assert reading.codes() == ["CFG001"]
    assert reading.unstale("fix", "--yes").returncode == 0
    assert reading.answer() == {"hello": "two"}
    assert reading.check()["verdict"] == "fresh"


def test_exported_variable_that_wins_is_manual_and_changes_nothing(reading: Site) -> None:
    server = reading.serve(GREETING="shell")
    assert reading.answer() == {"hello": "shell"}
    assert reading.codes() == ["CFG002"]
    done = reading.unstale("fix", "--yes")
    assert done.returncode == 1
    assert "unset GREETING" in done.stdout
    assert server.poll() is None
    server.kill()
    server.wait()
    reading.serve()
    assert reading.check()["verdict"] == "fresh"


def test_equal_values_are_fresh_after_an_edit(reading: Site) -> None:
    reading.serve(GREETING="one", SECRET_KEY=CANARY)
    reading.old()
    os.utime(reading.root / ".env")
    assert reading.codes() == []


def test_env_file_that_no_code_reads_is_absent(site: Site) -> None:
    site.write(".env", "GREETING=one\n")
    site.serve(GREETING="two")
    assert site.codes() == []


def test_no_secret_leaves(reading: Site) -> None:
    reading.serve(SECRET_KEY="another-canary-value", DATABASE_URL=f"postgresql://u:{CANARY}@db/x")
    record = reading.root.parent / "record.json"
    shown = reading.unstale("check", "-v", "--record", str(record)).stdout
    shown += reading.unstale("ps").stdout + record.read_text()
    assert "SECRET_KEY" in shown
    assert CANARY not in shown
    assert "another-canary-value" not in shown
