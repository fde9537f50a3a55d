"""An app beside its virtual environment is a back end, without a file that says what is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from unstale.detect import find_project
from unstale.local import LocalHost

APP = "from flask import Flask\n\napp = Flask(__name__)\n"


@pytest.mark.parametrize("place", ["", "api"])
def test_app_beside_its_environment_is_found(tmp_path: Path, place: str) -> None:
    (tmp_path / ".git").mkdir()
    here = tmp_path / place
    (here / ".venv").mkdir(parents=True)
    (here / ".venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    (here / "app.py").write_text(APP)
    (found,) = find_project(tmp_path, LocalHost()).backends
    assert (found.path, found.kind, found.app) == (here, "flask", "app:app")
    assert found.python == here / ".venv/bin/python"


def test_environment_beside_a_marked_back_end_makes_no_second_one(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    (tmp_path / "tool.py").write_text(APP)
    (tmp_path / "api").mkdir()
    (tmp_path / "api/app.py").write_text(APP)
    (tmp_path / "api/requirements.txt").write_text("flask\n")
    assert [each.path for each in find_project(tmp_path, LocalHost()).backends] == [
        tmp_path / "api"
    ]


def test_script_beside_an_environment_is_no_back_end(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    (tmp_path / "app.py").write_text("print(1)\n")
    assert find_project(tmp_path, LocalHost()).backends == ()
