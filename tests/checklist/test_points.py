"""Each point is what a real site is, well and broken."""

from __future__ import annotations

import json
import os
import py_compile
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checklist.conftest import ENV, SECRET, WORDS, fetch, lay_front_end, points
from jsonschema import Draft202012Validator

from lab.waiting import wait_for
from unstale.check import catalogue
from unstale.checklist.judged import ALL

if TYPE_CHECKING:
    from conftest import Site

Points = dict[str, dict[str, Any]]


def states(found: Points) -> dict[str, str]:
    return {name: each["state"] for name, each in found.items()}


def codes(point: dict[str, Any]) -> list[str | None]:
    return [each["code"] for each in point["failures"]]


def test_well_site_is_verified_and_what_nobody_looked_at_is_not(shop: Site) -> None:
    os.utime(shop.root / ".git/logs/HEAD", (0, 0))  # the process may begin within its last tick
    shop.serve()
    shop.write("page", "")
    backup = shop.unstale("db", "backup")
    assert backup.returncode == 0, backup.stderr
    found = points(shop)
    assert states(found) == {
        "processes": "verified",
        "bytecode": "verified",
        "dependencies": "verified",
        "caches": "not_applicable",
        "database": "verified",
        "schema": "verified",
        "frontend": "verified",
        "browser": "verified",
        "health": "verified",
        "logs": "verified",
        "watch": "not_checked",
        "checkout": "verified",
        "configuration": "verified",
        "containers": "not_applicable",
        "backups": "verified",
        "way_back": "not_checked",
    }
    assert "0 minutes ago; the window ends at" in found["watch"]["why"]
    assert "no release was deployed by unstale" in found["way_back"]["why"]
    assert found["containers"]["why"] == "no compose file here"
    pid = shop.started[0].pid
    assert f"pid {pid} names its start" in found["logs"]["evidence"][0]["value"]
    assert found["logs"]["evidence"][0]["source"] == f"tail -c 1000000 {shop.log}"
    assert "verified 20" in found["backups"]["evidence"][0]["value"]
    assert found["health"]["evidence"][0]["source"].endswith("/health")


def test_every_point_fails_where_its_thing_is_broken(shop: Site) -> None:
    shop.serve()
    shop.write("page", "")
    shop.old()
    _break(shop)
    found = points(shop)
    assert "PRC001" in codes(found["processes"])
    assert codes(found["bytecode"]) == ["PYC003"]
    assert "ENV001" in codes(found["dependencies"])
    assert "SCH006" in codes(found["schema"])
    assert codes(found["frontend"]) == ["NPM001"]
    assert codes(found["browser"]) == ["HTP001"]
    assert codes(found["checkout"]) == ["GIT002"]
    assert "CFG001" in codes(found["configuration"])
    assert [each["evidence"][0]["value"] for each in found["health"]["failures"]] == ["HTTP 503"]
    (log,) = found["logs"]["failures"]
    assert log["because"].startswith("1 error since it started")
    assert "ValueError: no such role: *** (" in log["evidence"][0]["value"]
    assert log["evidence"][0]["value"].endswith("app/main.py:22)")
    assert found["watch"]["state"] == "failed"
    (backup,) = found["backups"]["failures"]
    assert backup["fix"] == "unstale db backup"
    assert {each["fix"] for each in found["processes"]["failures"]} == {"unstale fix PRC001"}
    assert SECRET not in json.dumps(found)


def _break(shop: Site) -> None:
    more = '    name: str = ""\n\n\nengine'
    shop.git("commit", "-q", "--allow-empty", "-m", "newer")
    shop.git("push", "-q", "origin", "main")
    shop.git("reset", "-q", "--hard", "HEAD~1")
    shop.write("app/words.py", WORDS.replace("\n\nengine", more).replace('"one"', '"two"'))
    (shop.root / "app/gone.pyc").write_bytes(next(shop.root.rglob("words*.pyc")).read_bytes())
    shop.write("requirements.txt", "fastapi\nuvicorn\nno-such-package\n")
    lay_front_end(shop, "0.9.0")
    shop.write("unruled", "")
    shop.write("unwell", "")
    shop.write(".env", ENV + "MORE=later\n")
    fetch(shop, f"/boom?token={SECRET}")
    wait_for(lambda: "ValueError" in shop.log.read_text())  # it is written after the answer


def test_database_that_is_gone_fails_its_point(shop: Site) -> None:
    os.remove(shop.root / "shop.db")
    found = points(shop)
    (failure,) = found["database"]["failures"]
    assert failure["subject"] == f"database {shop.root}/shop.db"
    assert "not there" in failure["because"]
    assert found["schema"]["why"] == "the database is not there"
    assert found["backups"]["why"] == "no database is there to back up"


def test_nothing_that_runs_is_not_fine(shop: Site) -> None:
    found = points(shop)
    for name in ("processes", "health", "logs", "watch", "configuration"):
        assert found[name]["state"] == "not_checked", name
        assert "no process" in found[name]["why"] or "no server" in found[name]["why"]


def test_backup_whose_bytes_changed_is_no_backup(shop: Site) -> None:
    assert shop.unstale("db", "backup").returncode == 0
    assert points(shop)["backups"]["state"] == "verified"
    (note,) = shop.state.rglob("backups/*/*/*.json")
    kept = note.with_suffix("")
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    (failure,) = points(shop)["backups"]["failures"]
    assert "its bytes changed" in failure["because"]


def test_way_back_is_what_undo_would_take_back_while_it_is_whole(shop: Site) -> None:
    shop.serve()  # whose interpreter says which bytecode it would import
    py_compile.compile(str(shop.root / "app/words.py"), str(shop.root / "app/gone.pyc"))
    done = shop.unstale("fix", "PYC003", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    (evidence,) = points(shop)["way_back"]["evidence"]
    assert "gone.pyc" in evidence["value"]
    assert evidence["source"].startswith("unstale log 20")
    shutil.rmtree(shop.root / ".unstale/trash")
    (failure,) = points(shop)["way_back"]["failures"]
    assert "no longer there" in failure["because"]


def test_page_of_a_single_page_app_is_no_health_route(shop: Site) -> None:
    """It answers each path with its one page, and 200."""
    source = (shop.root / "app/main.py").read_text().partition('@app.get("/boom")')[0]
    every = '@app.get("/{path:path}")\ndef page(path: str):\n    return hello()\n'
    shop.write("app/main.py", source + every)
    shop.serve()
    shop.write("page", "")
    wait_for(lambda: b"assets" in _body(shop, "/health"))
    found = points(shop)["health"]
    assert found["state"] == "not_applicable"
    assert "no health route" in found["why"]


def _body(shop: Site, path: str) -> bytes:
    from urllib.request import urlopen

    with urlopen(f"http://127.0.0.1:{shop.port}{path}", timeout=5) as answer:
        return bytes(answer.read())


def test_points_answer_for_every_check_once() -> None:
    for each in catalogue():
        assert [one.topic.slug for one in ALL if one.covers(each.layer, each.code)][1:] == []
        assert any(one.covers(each.layer, each.code) for one in ALL), each.code
    known = {each.code for each in catalogue()}
    assert {code for one in ALL for code in one.proof} <= known


def test_it_changes_nothing_and_its_document_is_of_its_schema(shop: Site) -> None:
    shop.serve()

    def state() -> dict[str, tuple[int, ...]]:
        paths = (path for path in shop.root.rglob("*") if path.is_file())
        seen = {str(path): path.stat() for path in paths}
        return {
            path: (each.st_ino, each.st_size, each.st_mtime_ns, each.st_ctime_ns)
            for path, each in seen.items()
        }

    before = state()
    assert shop.unstale("checklist", "--format", "markdown").stdout.startswith("## Deployment")
    document = json.loads(shop.unstale("checklist", "--format", "json").stdout)
    schema = Path(__file__).parents[2] / "docs/schema/unstale.checklist-1.json"
    Draft202012Validator(json.loads(schema.read_text())).validate(document)
    assert state() == before
    assert not shop.state.exists()
