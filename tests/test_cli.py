"""The command line as a person meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Site


def words(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_fix_without_consent_touches_nothing(site: Site) -> None:
    server = site.serve()
    site.old()
    site.write("app/words.py", 'GREETING = "two"\n')
    assert "needs consent" in words(site.unstale("fix"), 2)
    assert server.poll() is None
    assert site.unstale("fix", "--dry-run").returncode == 1
    assert server.poll() is None


def test_report_is_replayed_the_same(site: Site) -> None:
    site.serve()
    site.old()
    site.write("app/words.py", 'GREETING = "two"\n')
    record = site.root.parent / "record.json"
    first = json.loads(site.unstale("check", "--format", "json", "--record", str(record)).stdout)
    second = json.loads(site.unstale("check", "--format", "json", "--replay", str(record)).stdout)
    for each in (first, second):
        del each["made_at"], each["took_s"]
    assert second == first


def test_silenced_finding_is_shown_with_its_reason(site: Site) -> None:
    site.serve()
    site.old()
    site.write("app/words.py", 'GREETING = "two"\n')
    site.write("unstale.toml", "[check]\nignore = { PRC001 = 'restarted at night' }\n")
    done = site.unstale("check")
    assert done.returncode == 0
    assert "PRC001 silenced: restarted at night" in done.stdout


def test_init_writes_what_was_found_and_check_agrees(site: Site) -> None:
    assert site.unstale("init").returncode == 0
    text = (site.root / "unstale.toml").read_text()
    assert 'app = "app.main:app"' in text
    assert site.check()["verdict"] == "fresh"
    assert "is there already" in words(site.unstale("init"), 2)


def test_json_is_alone_on_stdout(site: Site) -> None:
    for argv in (
        ("check",),
        ("ps",),
        ("codes",),
        ("log",),
        ("fix", "--dry-run"),
        ("undo", "--yes"),
    ):
        done = site.unstale(*argv, "--format", "json")
        assert json.loads(done.stdout)["schema"].startswith("unstale.")


@pytest.mark.parametrize(
    "command",
    ["check", "ps", "fix", "undo", "log", "checklist", "explain", "codes", "init"],
)
def test_every_command_has_help(site: Site, command: str) -> None:
    done = site.unstale(command, "--help")
    assert done.returncode == 0
    assert "Usage: unstale" in done.stdout


def test_version_loads_nothing(site: Site) -> None:
    code = "import sys; sys.argv = ['unstale', '--version']; from unstale.__main__ import main; main(); print('click' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=site.environ()
    )
    assert done.stdout.splitlines()[1] == "False"
