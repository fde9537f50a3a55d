"""docs/schema says what programs get: real documents of every command are held against it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from reports import ALL

from unstale.check import catalogue
from unstale.detect import find_project
from unstale.journal import Journal, locked
from unstale.layer import Layer, Risk, Severity, State
from unstale.local import LocalHost
from unstale.perform import Outcome
from unstale.render.json import as_json

if TYPE_CHECKING:
    from conftest import Site

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "docs/schema").glob("*.json"))
VERDICTS = [State.FRESH, State.STALE, State.UNKNOWN]


def schema(name: str) -> dict[str, Any]:
    path = ROOT / "docs/schema" / f"{name.replace('/', '-')}.json"
    return json.loads(path.read_text("utf-8"))  # type: ignore[no-any-return]


def valid(text: str, name: str) -> dict[str, Any]:
    """Return the document; fail where it is not of that schema."""
    document = json.loads(text)
    assert document["schema"] == name, text
    Draft202012Validator(schema(name)).validate(document)
    return document  # type: ignore[no-any-return]


def objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "properties" in node and node.get("type") == "object":
            yield node
        for each in node.values():
            yield from objects(each)
    elif isinstance(node, list):
        for each in node:
            yield from objects(each)


@pytest.fixture
def broken(site: Site) -> Site:
    """The site served from old code, behind its upstream, with an edit that blocks the pull."""
    bare = site.root.parent / "origin.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(site.root), str(bare)], check=True)
    site.git("remote", "add", "origin", str(bare))
    site.git("fetch", "-q")
    site.git("branch", "-q", "--set-upstream-to=origin/main")
    site.write("app/words.py", 'GREETING = "newer"\n')
    site.commit("newer")
    site.git("push", "-q")
    site.git("reset", "-q", "--hard", "HEAD~1")
    site.serve()
    site.old()
    site.write("app/words.py", 'GREETING = "a hot fix"\n')
    return site


@pytest.fixture
def state(site: Site, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the site's journal and lock live."""
    monkeypatch.setenv("XDG_STATE_HOME", str(site.state))
    return find_project(site.root, LocalHost()).state


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_schema_is_valid_and_named_by_its_file(path: Path) -> None:
    document = json.loads(path.read_text("utf-8"))
    Draft202012Validator.check_schema(document)
    assert path.name == document["$id"].replace("/", "-") + ".json"
    assert document["properties"]["schema"] == {"const": document["$id"]}
    assert f"({path.name})" in (path.parent / "README.md").read_text("utf-8")


def test_each_schema_that_the_source_writes_has_a_file() -> None:
    # the guard speaks with its own parent only
    sources = [path for path in (ROOT / "src").rglob("*.py") if path.parent.name != "guard"]
    words = {
        word
        for path in sources
        for word in re.findall(r'"(unstale\.\w+/1)"', path.read_text("utf-8"))
    }
    assert words == {json.loads(path.read_text("utf-8"))["$id"] for path in FILES}


@pytest.mark.parametrize(
    "name", ["report", "run", "codes", "ps", "log", "db", "checklist", "error"]
)
def test_no_object_allows_a_field_that_it_does_not_list(name: str) -> None:
    found = list(objects(schema(f"unstale.{name}/1")))
    assert found
    assert all(each["additionalProperties"] is False for each in found)


def test_schema_has_the_words_of_the_source() -> None:
    report, run = schema("unstale.report/1"), schema("unstale.run/1")
    finding, fix = (report["$defs"][name]["properties"] for name in ("finding", "fix"))
    layers = report["properties"]["layers"]
    assert report["$defs"]["layer"]["enum"] == list(Layer)
    assert layers["minItems"] == layers["maxItems"] == len(Layer)
    assert layers["items"]["properties"]["state"]["enum"] == list(State)
    assert finding["severity"]["enum"] == list(Severity)
    assert fix["risk"]["enum"] == [risk.word for risk in Risk]
    assert report["$defs"]["verdict"]["enum"] == run["$defs"]["verdict"]["enum"] == VERDICTS
    states = run["$defs"]["step"]["properties"]["state"]["enum"]
    assert f"{', '.join(states[:-1])} or {states[-1]}" in (Outcome.__doc__ or "")


@pytest.mark.parametrize(
    "change",
    [
        {"findings": [{}]},
        {"made_at": "2026-11-23T22:00:00+00:00"},
        {"verdict": "risk"},
        {"surprise": 1},
        {"project": {"root": "/srv/\udcff", "name": "app", "parts": []}},
        {"skipped": [{"code": "PRC1", "by": "--fast"}]},
    ],
)
def test_report_that_breaks_the_contract_is_refused(site: Site, change: dict[str, Any]) -> None:
    document = site.check("--only", "GIT")
    with pytest.raises(ValidationError):
        Draft202012Validator(schema("unstale.report/1")).validate(document | change)


@pytest.mark.parametrize("name", ALL)
def test_report_of_each_kind(name: str) -> None:
    valid(json.dumps(as_json(ALL[name]())), "unstale.report/1")


def test_healthy_site(site: Site) -> None:
    os.utime(
        site.root / ".git/logs/HEAD", (0, 0)
    )  # else the process may begin within its last tick
    site.serve()
    report = valid(site.unstale("check", "--format", "json").stdout, "unstale.report/1")
    assert report["verdict"] == "fresh"
    processes = valid(site.unstale("ps", "--format", "json").stdout, "unstale.ps/1")["processes"]
    assert [each["ports"] for each in processes] == [[site.port]]
    assert processes[0]["commit"] == site.git("rev-parse", "HEAD").strip()
    run = valid(site.unstale("fix", "--yes", "--format", "json").stdout, "unstale.run/1")
    assert (run["run"], run["steps"]) == ("", [])
    run = valid(site.unstale("undo", "--yes", "--format", "json").stdout, "unstale.run/1")
    assert (run["run"], run["rounds"], run["steps"]) == ("", 0, [])
    assert run["verdict_after"] == "fresh"
    assert valid(site.unstale("log", "--format", "json").stdout, "unstale.log/1")["lines"] == []


def test_root_with_its_consequence_skipped_and_silenced(broken: Site) -> None:
    broken.write("unstale.toml", "[check]\nignore = { PRC001 = 'restarted at night' }\n")
    report = valid(broken.unstale("check", "--format", "json", "--fast").stdout, "unstale.report/1")
    findings = {each["code"]: each for each in report["findings"]}
    assert findings["GIT002"]["root"] == findings["GIT004"]["id"]
    assert "--fast" in [each["by"] for each in report["skipped"]]
    assert report["silenced"] == [{"code": "PRC001", "reason": "restarted at night"}]


def test_unknown(site: Site) -> None:
    done = site.unstale("check", "--format", "json", "--url", "http://127.0.0.1:9")
    report = valid(done.stdout, "unstale.report/1")
    assert report["verdict"] == "unknown"
    assert "HTP001" in [each["code"] for each in report["unknown"]]


def test_fix_planned_refused_without_consent_done_and_taken_back(broken: Site) -> None:
    done = broken.unstale("fix", "--dry-run", "--format", "json")
    plan = valid(done.stdout, "unstale.run/1")
    assert {each["state"] for each in plan["steps"]} == {"planned"}
    assert {code: each["undoable"] for each in plan["steps"] for code in each["codes"]} == {
        "GIT004": True,
        "GIT002": True,
        "PRC001": False,
    }
    done = broken.unstale("fix", "--format", "json")
    assert done.returncode == valid(done.stdout, "unstale.error/1")["exit"] == 2
    done = broken.unstale("fix", "GIT004", "--yes", "--format", "json")
    run = valid(done.stdout, "unstale.run/1")
    assert [(each["state"], each["undoable"]) for each in run["steps"]] == [("done", True)]
    done = broken.unstale("undo", "--yes", "--format", "json")
    back = valid(done.stdout, "unstale.run/1")
    assert [(each["state"], each["codes"]) for each in back["steps"]] == [("done", ["GIT004"])]
    assert (back["rounds"], back["verdict_after"]) == (1, "stale")
    lines = valid(broken.unstale("log", "--format", "json").stdout, "unstale.log/1")["lines"]
    assert [each["run"] for each in lines if each["event"] == "end"] == [run["run"], back["run"]]
    undoing = [each["data"] for each in lines if "undoes" in each["data"]]
    assert [each["undoes"] for each in undoing] == [[run["run"], 1]]


def test_manual_step_carries_the_exact_edit(site: Site) -> None:
    route = "@app.get('/')\ndef hello():\n\treturn {}\n\n\n@app.get('/health')\ndef health():\n\treturn {'status': 'error'}, 500\n"
    site.write("app/main.py", f"from fastapi import FastAPI\n\napp = FastAPI()\n\n\n{route}")
    site.serve()
    done = site.unstale("fix", "--yes", "--format", "json")
    assert done.returncode == 1
    run = valid(done.stdout, "unstale.run/1")
    assert [(each["codes"], each["state"]) for each in run["steps"]] == [(["HTP012"], "manual")]
    assert any(line.startswith("-\treturn") for line in run["steps"][0]["preview"])
    assert run["run"] == ""


def test_name_that_is_no_text_is_escaped_in_the_log(site: Site, state: Path) -> None:
    now, title = datetime.now(UTC), "move \udcff\n.pyc to the trash"
    data = {"step": 1, "title": title, "codes": ["PYC003"], "risk": "safe", "inverse": None}
    Journal(state).append(now, "20260101-000000-abcd", "intent", data)
    lines = valid(site.unstale("log", "--format", "json").stdout, "unstale.log/1")["lines"]
    assert lines[0]["data"]["title"] == r"move \xff\n.pyc to the trash"


def test_catalogue_lists_every_check(site: Site) -> None:
    codes = valid(site.unstale("codes", "--format", "json").stdout, "unstale.codes/1")["codes"]
    assert [each["code"] for each in codes] == [each.code for each in catalogue()]


def test_recording(site: Site) -> None:
    file = site.root.parent / "facts.json"
    site.unstale("check", "--fast", "--record", str(file))
    facts = valid(file.read_text("utf-8"), "unstale.facts/1")["facts"]
    assert {word for each in facts.values() for word in each} >= {"fact", "error"}
    assert {each.get("error") for each in facts.values()} >= {"Absent", "Skipped"}


@pytest.mark.parametrize(
    "argv",
    [
        ("chek",),
        ("check", "--only", "PRC01"),
        ("check", "--frmat", "text"),
        ("check", "--copy-limit", "much"),
        ("check", "nowhere"),
        ("check", "--replay", "requirements.txt"),
        ("explain", "nothing"),
        ("fix", "XYZ"),
        ("fix", "--risk", "high"),
        ("fix", "--pid", "1"),
        ("undo", "20200101-000000-abcd"),
    ],
    ids=" ".join,
)
def test_misuse_is_one_error_with_exit_2(site: Site, argv: tuple[str, ...]) -> None:
    done = site.unstale(*argv, "--format", "json")
    assert done.returncode == valid(done.stdout, "unstale.error/1")["exit"] == 2


def test_no_project_is_one_error_with_exit_2(site: Site) -> None:
    empty = site.root.parent / "empty"
    empty.mkdir()
    done = site.unstale("check", "-C", str(empty), "--format", "json")
    assert done.returncode == valid(done.stdout, "unstale.error/1")["exit"] == 2


def test_bad_settings_are_one_error_with_exit_2(site: Site) -> None:
    site.write("unstale.toml", "[backend\n")
    done = site.unstale("check", "--format", "json")
    assert done.returncode == valid(done.stdout, "unstale.error/1")["exit"] == 2


def test_lock_is_an_error_with_exit_5(site: Site, state: Path) -> None:
    with locked(state, "a test", datetime.now(UTC)):
        done = site.unstale("fix", "--yes", "--format", "json")
    assert done.returncode == valid(done.stdout, "unstale.error/1")["exit"] == 5


def test_damaged_journal_is_an_error_with_exit_3(site: Site, state: Path) -> None:
    state.mkdir(parents=True)
    (state / "journal.jsonl").write_text("{}\n")
    done = site.unstale("log", "--format", "json")
    assert done.returncode == valid(done.stdout, "unstale.error/1")["exit"] == 3
