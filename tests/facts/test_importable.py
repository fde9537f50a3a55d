"""Which files a process can have imported."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from unstale.fact import Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.importable import importable, sources
from unstale.layer import Standing
from unstale.local import LocalHost
from unstale.project import Backend, Project


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    root = tmp_path / "shop"
    for name, text in {
        "app/main.py": "from app import words\n",
        "app/words.py": "",
        "app/unused.py": "",
        "app/tests/test_it.py": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    back = Backend(root, "fastapi", "app.main:app")
    return Facts(Project(root=root, name="shop", backends=(back,)), LocalHost())


def server(root: Path, app: str | None, cwd: str) -> AppProcess:
    return AppProcess(
        pid=4711,
        ticks=1,
        ppid=1,
        started_at=datetime(2026, 11, 24, tzinfo=UTC),
        role="server",
        program="uvicorn",
        app=app,
        reload=False,
        command=f"uvicorn {app}",
        cwd=cwd,
        cwd_gone=False,
        prefix=f"{root}/.venv",
        ports=(8000,),
        owner="detached",
        standing=Standing.OURS,
        leader=4711,
        uid=0,
        backend=root,
    )


def names(facts: Facts, process: AppProcess) -> list[str]:
    root = facts.project.root
    found = importable(facts, process, *sources(facts.host, root))
    return [each.path.removeprefix(f"{root}/") for each in found]


def test_known_entry_reaches_what_it_imports(facts: Facts) -> None:
    root = facts.project.root
    assert names(facts, server(root, "app.main:app", str(root))) == ["app/main.py", "app/words.py"]


def test_celery_app_named_by_its_package_is_in_its_celery_module(facts: Facts) -> None:
    """The `-A` of https://docs.celeryq.dev/en/stable/reference/cli.html takes the package alone."""
    root = facts.project.root
    (root / "app/__init__.py").touch()
    (root / "app/celery.py").write_text("from app import words\n")
    job = replace(server(root, "app", str(root)), role="job", program="celery")
    assert names(facts, job) == ["app/__init__.py", "app/celery.py", "app/words.py"]


def test_unknown_entry_in_the_project_may_import_all_but_tests(facts: Facts) -> None:
    process = server(facts.project.root, "elsewhere:app", str(facts.project.root))
    assert names(facts, process) == ["app/main.py", "app/unused.py", "app/words.py"]


def test_another_projects_server_imports_nothing_of_this_one(facts: Facts) -> None:
    """It is run by this project's interpreter, in a directory of its own."""
    process = server(facts.project.root, "shop.main:app", "/srv/other")
    assert names(facts, process) == []
    assert names(facts, replace(process, backend=None)) == []


def test_other_projects_module_of_the_same_name_is_not_this_ones(
    facts: Facts, tmp_path: Path
) -> None:
    (tmp_path / "other/app").mkdir(parents=True)
    process = server(facts.project.root, "app.main:app", str(tmp_path / "other"))
    assert names(facts, process) == ["app/main.py", "app/words.py"]
    (tmp_path / "other/app/main.py").touch()
    assert names(facts, process) == []
