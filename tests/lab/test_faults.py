"""Each check's fault, made for real in the running example: found, proven, cured, taken back, replayed the same."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lab.arena import Arena
from lab.fault import Fault, fault_of
from unstale.check import Check, catalogue
from unstale.layer import Layer, Severity

pytestmark = pytest.mark.lab

SHOWN_BY = re.compile(
    r"/|[\w.]+/|https?://|\.?\w[\w.-]*$"  # a file or a URL
    r"|(?:alembic|cat|curl|diff|docker|find|git|grep|ls|lslocks|npm|ps|python|readlink|sed|sha256sum|sqlite3|stat|tr|xxd)\b"
)
"""What shows a piece of evidence again."""

EXITS = {Severity.STALE: 1, Severity.RISK: 0, Severity.NOTE: 0}
each_check = pytest.mark.parametrize("check", catalogue(), ids=lambda each: each.code)


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Arena:
    made = Arena(tmp_path_factory.mktemp("laid"))
    made.lay()
    return made


@pytest.fixture
def arena(
    laid: Arena, check: Check, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Arena]:
    docker = check.layer is Layer.DOCKER
    copy = laid.copy(tmp_path, request.getfixturevalue("engine") if docker else None)
    try:
        copy.start()
        yield copy
    finally:
        copy.stop()
        if docker:
            copy.compose("down", "-v")
        shutil.rmtree(copy.root)


@each_check
def test_fault_is_found_by_name_cured_proven_and_taken_back(arena: Arena, check: Check) -> None:
    fault = fault_of(check)
    healthy = arena.unstale("check")
    assert healthy.returncode == 0, healthy.stdout
    fault.inject(arena)
    assert fault.felt is None or not fault.felt(arena)[1]

    record = str(arena.scratch / "record.json")
    done = arena.unstale("check", "--format", "json", "--record", record)
    report = json.loads(done.stdout)
    exactly(check, report)
    assert done.returncode == EXITS[check.severity]
    replayed = arena.unstale("check", "--format", "json", "--replay", record)
    same(json.loads(replayed.stdout), report)

    before = bytes_of(arena)
    if fault.edit is not None:
        by_hand(arena, fault, before)
    else:
        by_the_tool(arena, fault, before, report)


def exactly(check: Check, report: dict[str, Any]) -> None:
    """The roots are of this code alone, and every consequence names one of them."""
    found = [each for each in report["findings"] if each["severity"] == check.severity.value]
    roots = {each["id"]: each["code"] for each in found if each["root"] is None}
    assert set(roots.values()) == {check.code}, report["findings"]
    assert all(each["root"] in roots for each in found if each["root"] is not None)
    assert report["crashed"] == []
    for each in found:
        for evidence in (each["want"], each["have"]):
            assert SHOWN_BY.match(evidence["source"]), evidence


def same(replayed: dict[str, Any], live: dict[str, Any]) -> None:
    """A recording is judged as the machine was; the summaries' order hangs on what was gathered first."""
    times = ("made_at", "took_s", "layers")
    assert {key: each for key, each in replayed.items() if key not in times} == {
        key: each for key, each in live.items() if key not in times
    }
    states = [[each["state"] for each in report["layers"]] for report in (replayed, live)]
    assert states[0] == states[1]


def by_hand(arena: Arena, fault: Fault, before: dict[str, bytes]) -> None:
    """Nothing changes but by the person, who makes the printed edit."""
    assert fault.edit is not None
    wanted = (fault.check.code,) if fault.check.severity is Severity.RISK else ()
    done = arena.unstale("fix", *wanted, "--yes", "--format", "json")
    assert done.returncode == 1, done.stdout
    assert bytes_of(arena) == before
    steps = json.loads(done.stdout)["steps"]
    step = next(each for each in steps if fault.check.code in each["codes"])
    assert step["state"] == "manual"
    fault.edit(arena, tuple(step["preview"]))
    cured(arena, fault)


def by_the_tool(
    arena: Arena, fault: Fault, before: dict[str, bytes], report: dict[str, Any]
) -> None:
    done = arena.unstale("fix", "--yes")
    if fault.after_fix is not None:
        fault.after_fix(arena)
    assert done.returncode == 0, done.stdout + done.stderr
    cured(arena, fault)
    after = bytes_of(arena)
    again = arena.unstale("fix", "--yes")
    assert (again.returncode, again.stdout) == (0, "nothing to fix\n"), again.stdout
    assert bytes_of(arena) == after
    finding = next(each for each in report["findings"] if each["code"] == fault.check.code)
    if finding["fix"]["undoable"]:
        back = arena.unstale("undo", "--yes")
        assert back.returncode == 0, back.stdout + back.stderr
        assert bytes_of(arena) == before
        assert fault.check.code in arena.codes()


def cured(arena: Arena, fault: Fault) -> None:
    """Nothing is stale, the check proves something fresh, and a request shows it."""
    done = arena.unstale("check", "-v")
    assert done.returncode == 0, done.stdout
    assert f"✓ {fault.check.code} " in done.stdout
    assert not re.search(rf"^[✗!i] {fault.check.code} ", done.stdout, re.MULTILINE), done.stdout
    assert fault.felt is None or fault.felt(arena)[1]


def bytes_of(arena: Arena) -> dict[str, bytes]:
    """Return what a person made or a build derived: sources, builds, environments' metadata, tables' rows."""
    left_out = {".git", "__pycache__", ".unstale", "node_modules", ".vite"}
    found: dict[str, bytes] = {}
    for place, names, files in os.walk(arena.project):
        names[:] = [name for name in names if name not in left_out]
        for name in files:
            path = Path(place) / name
            if ".db" not in name and not path.is_symlink():
                with suppress(FileNotFoundError):
                    found[str(path.relative_to(arena.project))] = path.read_bytes()
    found["HEAD"] = arena.run("git", "rev-parse", "HEAD", cwd=arena.project).encode()
    found["status"] = arena.run("git", "status", "--short", cwd=arena.project).encode()
    found["tables"] = arena.tables().encode()
    return found
