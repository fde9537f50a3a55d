"""A release is proven before anybody meets it, and once more from outside."""

from __future__ import annotations

import json

import pytest
from deploy.sited import APP, Sited, well

from unstale.actions.prove_release import ProveRelease, ProveSite, Smoke

READY = """\
from fastapi.responses import HTMLResponse, JSONResponse
@app.get("/health/ready")
async def ready(): return {answer}
"""
PAGE = """\
from fastapi.responses import HTMLResponse
@app.get("/{path:path}")
async def page(path: str): return HTMLResponse("<html>everything</html>")
"""
BROKEN = """\
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
async def home(): return 1 / 0
"""


def proven(sited: Sited, source: str, *smoke: Smoke) -> tuple[str, str]:
    """Start a release of this source and ask it; return what became of that, and the words."""
    sited.lay("r1", source)
    prove = ProveRelease(str(sited.home.path), "r1", smoke=smoke)
    *before, asked = sited.do(sited.keep(), sited.start("r1"), prove)
    assert well(before), before
    return asked.state, asked.note


def outcome(sited: Sited) -> dict[str, object]:
    journal = (sited.facts.project.state / "journal.jsonl").read_text()
    return dict(json.loads(journal.splitlines()[-1])["data"]["outcome"])


def own(answer: str) -> str:
    return f"NAME = 'r1'\n{APP}{READY.replace('{answer}', answer)}"


def test_own_route_says_that_it_is_ready(sited: Sited) -> None:
    assert proven(sited, own("{'status': 'ready'}"))[0] == "done"
    assert outcome(sited) == {"release": "r1", "weak": False, "smoke": 0}


@pytest.mark.parametrize("more", ["", PAGE], ids=["no route", "a page for every path"])
def test_app_without_the_route_is_weakly_ready(sited: Sited, more: str) -> None:
    assert proven(sited, f"NAME = 'r1'\n{APP}{more}")[0] == "done"
    assert outcome(sited) == {"release": "r1", "weak": True, "smoke": 0}


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (own("JSONResponse({}, 503)"), "GET /health/ready answers 503"),
        (own("JSONResponse({}, 302)"), "GET /health/ready answers 302"),
        (BROKEN, "GET / answers 500"),
    ],
    ids=["not ready", "redirected", "every page an error"],
)
def test_release_that_is_not_ready_is_not_let_on(
    sited: Sited, monkeypatch: pytest.MonkeyPatch, source: str, why: str
) -> None:
    monkeypatch.setattr("unstale.actions.prove_release.PATIENCE", 1.0)
    state, note = proven(sited, source)
    assert state == "failed"
    assert why in note


@pytest.mark.parametrize(
    ("smoke", "why"),
    [
        (Smoke("/", contains="hello"), ""),
        (Smoke("/nothing", status=404), ""),
        (Smoke("/nothing"), "it answers 404"),
        (Smoke("/", status=201), "it answers 200"),
        (Smoke("/", contains="goodbye"), "does not contain 'goodbye'"),
        (Smoke("/slow", max_ms=50), "at most 50 are allowed"),
    ],
)
def test_smoke_tests_must_hold(sited: Sited, smoke: Smoke, why: str) -> None:
    slow = "import asyncio\n@app.get('/slow')\nasync def slow(): await asyncio.sleep(.3)\n"
    state, note = proven(sited, f"NAME = 'r1'\n{APP}{slow}", smoke)
    assert state == ("failed" if why else "done")
    assert why in note


def test_site_must_answer_with_the_release_alone(sited: Sited) -> None:
    url = f"http://127.0.0.1:{sited.port}"
    sited.lay("r1")
    assert well(sited.do(sited.keep(), sited.start("r1"), sited.switch("r1"), ProveSite(url, "r1")))
    (failed,) = sited.do(ProveSite(url, "r2"))
    assert failed.state == "failed"
    assert "came from r1" in failed.note
