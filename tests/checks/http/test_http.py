from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from front import add_front_end, serve

from lab.faults.http.health_route_lies import GUIDE as ROUTE

if TYPE_CHECKING:
    from conftest import Site

HELLO = """

@app.get("/")
def root():
    return {"hello": "one"}
"""
GUIDE = ROUTE + HELLO


def test_lying_health_route_is_manual_and_its_diff_applies(site: Site) -> None:
    site.write("app/main.py", GUIDE)
    site.commit("guide")
    server = site.serve()
    report = site.check()
    assert [each["code"] for each in report["findings"]] == ["HTP012"]
    assert report["findings"][0]["proven"] is True
    before = (site.root / "app/main.py").read_bytes()
    done = site.unstale("fix", "--yes", "--format", "json")
    assert done.returncode == 1
    assert (site.root / "app/main.py").read_bytes() == before

    import json

    preview = json.loads(done.stdout)["steps"][0]["preview"]
    patch = "\n".join(line.replace("\\n", "\n") for line in preview) + "\n"
    subprocess.run(["git", "apply"], input=patch, text=True, cwd=site.root, check=True)
    server.kill()
    server.wait()
    site.serve()
    assert site.codes() == []
    assert site.codes(severity="risk") == []


def test_without_a_server_the_pair_is_a_risk(site: Site) -> None:
    site.write("app/main.py", GUIDE)
    assert site.codes() == []
    assert site.codes(severity="risk") == ["HTP012"]


@pytest.mark.parametrize(
    "body",
    [
        '{"status": "healthy", "errors": []}',
        '{"status": "ok", "last_error": "none"}',
        '["a", 500]',
        '{"message": "error"}',
    ],
)
def test_body_that_speaks_of_something_else_is_fresh(site: Site, body: str) -> None:
    site.write(
        "app/main.py",
        f"from fastapi import FastAPI\n\napp = FastAPI()\n{HELLO}\n\n"
        f"@app.get('/health')\ndef health():\n    return {body}\n",
    )
    site.commit()
    site.serve()
    assert site.check()["verdict"] == "fresh"


def test_page_without_a_cache_rule_is_a_risk(site: Site) -> None:
    add_front_end(site)
    serve(site)
    assert site.codes() == []
    assert site.codes(severity="risk") == ["HTP001"]
    assert site.unstale("check").returncode == 0
    assert site.unstale("check", "--strict").returncode == 1


def test_page_of_a_reloading_server_is_not_judged(site: Site) -> None:
    add_front_end(site)
    serve(site, "--reload")
    assert site.codes(severity="risk") == []


def test_named_address_that_is_mute_is_unknown(site: Site) -> None:
    report = site.check("--url", "http://127.0.0.1:9")
    assert report["verdict"] == "unknown"
    assert {each["code"] for each in report["unknown"]} >= {"HTP001", "HTP012"}
