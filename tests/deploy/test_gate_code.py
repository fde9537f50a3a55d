"""The code gate: what does not compile, import or find its configuration never becomes ready."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import free_port
from release_yard import committed, facts_of, head, home, known, releasable, release, released

from unstale.actions.gate_code import GateCode
from unstale.actions.releasing import Wanted, releasing
from unstale.deploy.manifest import Manifest, change
from unstale.perform import Outcome

if TYPE_CHECKING:
    from conftest import Site


@pytest.fixture
def shop(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("XDG_STATE_HOME", str(site.state))
    monkeypatch.delenv("SHOP_KEY", raising=False)
    releasable(site)
    return site


def gated(site: Site, **files: str) -> tuple[Manifest, Outcome]:
    """Commit these files, release them, and return the manifest and what became of the last step."""
    for name, text in files.items():
        site.write(f"app/{name}.py", text)
    site.commit("code")
    outcomes = release(site)
    return known(site)[-1], outcomes[-1]


def test_good_release_is_ready_without_its_marker_and_serves(shop: Site) -> None:
    manifest, outcome = gated(shop, more="MORE = 1\n")
    assert (outcome.state, manifest.status) == ("done", "ready"), outcome.note
    place = home(shop).release(manifest.id)
    assert not (place / "BUILDING").exists()
    assert list(place.glob("app/__pycache__/main.*.pyc"))
    port = free_port()
    argv = [place / ".venv/bin/python", "-B", "-m", "uvicorn", "app.main:app", "--port", str(port)]
    child = subprocess.Popen(argv, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        import urllib.request

        from lab.waiting import wait_for

        def answers() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
                    return bool(answer.read() == b"one")
            except OSError:
                return False

        wait_for(answers)
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("words", "GREETING = 'one\n", "app/words.py: line 1"),
        ("lazy", "def broken(:\n", "app/lazy.py: line 1"),
        ("words", "raise RuntimeError('no greeting')\n", "RuntimeError: no greeting"),
        ("words", "import nothing_of_that_name\nGREETING = ''\n", "nothing_of_that_name"),
        ("words", "import os\nGREETING = os.environ['SHOP_KEY']\n", "KeyError: 'SHOP_KEY'"),
        ("words", "import sys\nsys.exit(3)\n", "SystemExit"),
    ],
)
def test_code_that_cannot_start_fails_and_is_marked(
    shop: Site, name: str, text: str, words: str
) -> None:
    manifest, outcome = gated(shop, **{name: text})
    assert outcome.state == "failed"
    assert words in outcome.note
    assert manifest.status == "failed"
    assert words.rsplit(": ", maxsplit=1)[-1] in manifest.why
    place = home(shop).release(manifest.id)
    assert place.exists(), "it stays for a day, to be looked at"
    assert not (place / "BUILDING").exists()


def test_template_that_is_no_python_is_named_and_no_obstacle(shop: Site) -> None:
    shop.write("app/templates/model.py", "class {{ name }}:\n")
    manifest, outcome = gated(shop, more="")
    assert manifest.status == "ready", outcome.note


SETTINGS = """\
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    shop_key: str


class Unused(BaseSettings):
    other_key: str


def settings() -> Settings:
    return Settings()
"""


def test_settings_that_are_read_at_the_first_request_are_tried_now(shop: Site) -> None:
    shop.write("requirements.txt", "starlette\nuvicorn\npydantic-settings\n")
    manifest, outcome = gated(
        shop, config=SETTINGS, words="from app.config import settings\nGREETING = 'one'\n"
    )
    assert outcome.state == "failed"
    assert "app.config.Settings needs shop_key" in outcome.note
    assert "other_key" not in outcome.note
    shop.write("unstale.toml", "[deploy]\nenv = { SHOP_KEY = 'x' }\n")
    manifest, outcome = gated(shop)
    assert manifest.status == "ready", outcome.note


def test_environment_is_that_of_the_serving_process(shop: Site) -> None:
    env = {**os.environ, "SHOP_KEY": "hunter2hunter2", "PYTHONPATH": str(shop.root / "extra")}
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=env)
    try:
        from unstale.hands import ticks

        shop.write("extra/more.py", "NAME = 'one'\n")
        shop.write(
            "app/words.py", "import os, more\nos.environ['SHOP_KEY']\nGREETING = more.__file__\n"
        )
        shop.commit("code")
        wanted = Wanted(head(shop), server="uvicorn", process=(child.pid, ticks(child.pid) or 0))
        outcomes = released(facts_of(shop), *releasing(facts_of(shop), wanted))
        assert outcomes[-1].state == "done", outcomes[-1].note
        shop.write("app/words.py", "import os\nraise RuntimeError(os.environ['SHOP_KEY'])\n")
        shop.commit("says its key")
        wanted = Wanted(head(shop), server="uvicorn", process=wanted.process)
        outcomes = released(facts_of(shop), *releasing(facts_of(shop), wanted))
        assert outcomes[-1].state == "failed"
        journal = "".join(path.read_text() for path in shop.state.rglob("journal.jsonl"))
        texts = (outcomes[-1].note, known(shop)[-1].why, journal)
        assert not any("hunter2" in text for text in texts)
    finally:
        child.kill()
        child.wait()
    other = releasing(facts_of(shop), Wanted(head(shop, "HEAD~1"), server="uvicorn"))
    assert released(facts_of(shop), *other)[-1].state == "failed", "nobody else has that variable"


def test_path_of_the_process_leads_into_the_release(shop: Site) -> None:
    """The checkout's own module would hide that the release lacks it."""
    from unstale.hands import ticks

    shop.write("extra/more.py", "NAME = 'one'\n")
    shop.write(".gitignore", "extra/\n.unstale/\n__pycache__/\n")
    shop.write("app/words.py", "import more\nGREETING = more.NAME\n")
    shop.commit("code")
    env = {**os.environ, "PYTHONPATH": str(shop.root / "extra")}
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=env)
    try:
        wanted = Wanted(head(shop), server="uvicorn", process=(child.pid, ticks(child.pid) or 0))
        outcomes = released(facts_of(shop), *releasing(facts_of(shop), wanted))
        assert "No module named 'more'" in outcomes[-1].note
    finally:
        child.kill()
        child.wait()


def test_package_from_the_checkout_is_refused(shop: Site) -> None:
    shop.write(
        "lib/pyproject.toml",
        '[project]\nname = "ours"\nversion = "1"\n[tool.setuptools]\npy-modules = ["ours"]\n',
    )
    shop.write("lib/ours.py", "NAME = 'ours'\n")
    shop.write("requirements.txt", f"starlette\nuvicorn\n-e {shop.root}/lib\n")
    manifest, outcome = gated(shop, more="")
    assert outcome.state == "failed"
    assert f"ours is installed from {shop.root}/lib, which is the checkout" in outcome.note
    assert manifest.status == "failed"


def test_gate_that_was_cut_off_counts_as_not_passed(shop: Site) -> None:
    facts = facts_of(shop)
    steps = releasing(facts, Wanted(head(shop), server="uvicorn"))
    released(facts, steps[0])
    gate = next(each for each in steps if isinstance(each, GateCode))
    decided = gate.recover(facts, None)  # type: ignore[arg-type]
    assert not decided.done
    (manifest,) = known(shop)
    assert (manifest.status, manifest.why) == ("failed", "its code gate was interrupted")


def test_next_release_is_made_where_the_serving_one_runs(shop: Site, tmp_path: Path) -> None:
    """A process of a release stands in the home, and is the project's all the same."""
    manifest, outcome = gated(shop, more="")
    assert outcome.state == "done"
    committed(shop, manifest)
    place = home(shop).release(manifest.id)
    argv = [
        place / ".venv/bin/python",
        "-B",
        "-m",
        "uvicorn",
        "app.main:app",
        "--port",
        str(free_port()),
    ]
    child = subprocess.Popen(argv, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        steps = releasing(facts_of(shop), Wanted(head(shop), server="uvicorn"))
        links = {each.path: each.target for each in steps[0].links}  # type: ignore[attr-defined]
        assert links["app.db"] == str(shop.root / "app.db")
        assert all(not each.startswith(("/", "..")) for each in links)
        outcomes = released(facts_of(shop), *steps)
        assert outcomes[-1].state == "done", outcomes[-1].note
    finally:
        child.kill()
        child.wait()


def test_next_try_after_a_failed_gate_resolves_nothing_again(shop: Site) -> None:
    first, outcome = gated(shop, words="raise RuntimeError\n")
    assert outcome.state == "failed"
    facts = facts_of(shop)
    assert first.environment is not None
    marked = replace(first.environment, resolved=(*first.environment.resolved, "six==1.17.0"))
    change(facts.host, home(shop), first.id, environment=marked)
    second, outcome = gated(shop, words="GREETING = 'one'\n")
    assert outcome.state == "done", outcome.note
    assert second.environment is not None
    assert second.environment.resolved == marked.resolved


def test_routes_that_django_imports_at_the_first_request_are_imported_now(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(site.state))
    for name in ("main", "words", "__init__"):
        (site.root / f"app/{name}.py").unlink()
    where = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
    site.write("manage.py", f"import os\n{where}")
    site.write("shop/__init__.py", "")
    site.write("shop/settings.py", 'SECRET_KEY = "x"\nROOT_URLCONF = "shop.urls"\n')
    site.write(
        "shop/wsgi.py",
        f"import os\n{where}from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
    )
    site.write("shop/urls.py", "from shop import views\nurlpatterns = []\n")
    site.write("requirements.txt", "django\ngunicorn\n")
    site.commit("Django")
    outcomes = release(site, server="gunicorn")
    assert outcomes[-1].state == "failed"
    assert "cannot import name 'views'" in outcomes[-1].note
    site.write("shop/views.py", "")
    site.commit("its views")
    outcomes = release(site, server="gunicorn")
    assert outcomes[-1].state == "done", outcomes[-1].note
