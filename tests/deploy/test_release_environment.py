"""A release's environment: from each kind of lock, or resolved once; and what makes it fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from changes import filled, mounted
from release_yard import committed, facts_of, head, home, known, releasable, release, released

from unstale.actions.releasing import Wanted, releasing
from unstale.deploy.asked import Asked, asked, entries
from unstale.deploy.manifest import Manifest
from unstale.local import LocalHost
from unstale.project import Backend
from unstale.redact import mask

if TYPE_CHECKING:
    from conftest import Site

UV = Path(sys.executable).parent / "uv"
PROJECT = """\
[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = ["starlette", "uvicorn"]
"""


@pytest.fixture
def shop(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("XDG_STATE_HOME", str(site.state))
    releasable(site)
    return site


def uv(site: Site, *words: str) -> None:
    env = {**os.environ, "VIRTUAL_ENV": "", "UV_PYTHON": sys.executable}
    subprocess.run([UV, *words], cwd=site.root, env=env, check=True, capture_output=True)


def installed(site: Site) -> tuple[Manifest, str]:
    """Release the commit up to its environment and return its manifest, and what it can import."""
    outcomes = release(site, only=2)
    assert [each.state for each in outcomes] == ["done", "done"], outcomes[-1].note
    manifest = known(site)[-1]
    python = home(site).environment(manifest.id) / "bin/python"
    code = "import starlette, uvicorn, sys; print(starlette.__version__, uvicorn.__version__)"
    done = subprocess.run([python, "-B", "-c", code], capture_output=True, text=True, check=True)
    return manifest, done.stdout


def relocked(site: Site, name: str) -> None:
    """Replace requirements.txt by a lock of another kind, of the same packages."""
    (site.root / "requirements.txt").unlink()
    site.write("pyproject.toml", PROJECT)
    if name == "uv.lock":
        uv(site, "lock")
    elif name == "pylock.toml":
        uv(site, "pip", "compile", "-q", "pyproject.toml", "-o", "pylock.toml")
    elif name == "requirements.txt":
        uv(site, "pip", "compile", "-q", "--generate-hashes", "pyproject.toml", "-o", name)
        (site.root / "pyproject.toml").unlink()
    else:
        uv(site, "pip", "compile", "-q", "pyproject.toml", "-o", "pins.txt")
        pins = [
            line.split("==")
            for line in (site.root / "pins.txt").read_text().split()
            if "==" in line
        ]
        each = '[[package]]\nname = "{}"\nversion = "{}"\noptional = false\ngroups = ["main"]\n'
        site.write("poetry.lock", "".join(each.format(*pin) for pin in pins))
    site.commit(name)


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml", "poetry.lock", "requirements.txt"])
def test_lock_is_installed_as_it_is(shop: Site, name: str) -> None:
    relocked(shop, name)
    before = (shop.root / name).read_bytes()
    manifest, _ = installed(shop)
    made = manifest.environment
    assert made is not None
    assert (made.source, made.once, made.resolved) == (name, False, ())
    assert (home(shop).release(manifest.id) / name).read_bytes() == before
    assert (shop.root / name).read_bytes() == before
    pyc = home(shop).environment(manifest.id).rglob("starlette/__pycache__/applications.*.pyc")
    assert len(list(pyc)) == 1, "bytecode is compiled once, at the build"


def test_without_a_lock_it_is_resolved_once_and_then_the_same(shop: Site) -> None:
    first, versions = installed(shop)
    made = first.environment
    assert made is not None
    assert made.once
    assert all("==" in line and "--hash=sha256:" in line for line in made.resolved)
    finish(shop, first)
    older = tuple(line for line in made.resolved if not line.startswith("idna"))
    changed(shop, first, older)  # what is stored is what is used: it is not resolved again
    again, same = installed(shop)
    assert again.environment is not None
    assert again.environment.resolved == older
    assert same == versions
    committed(shop, again)
    shop.write("requirements.txt", "starlette\nuvicorn\nidna\n")
    shop.commit("another package")
    anew, _ = installed(shop)
    assert anew.environment is not None
    assert anew.environment.inputs != made.inputs
    assert any(line.startswith("idna==") for line in anew.environment.resolved)


def finish(site: Site, manifest: Manifest) -> None:
    home(site).marker(manifest.id).unlink()
    committed(site, manifest)


def changed(site: Site, manifest: Manifest, resolved: tuple[str, ...]) -> None:
    from dataclasses import replace

    from unstale.deploy.manifest import read, write

    facts = facts_of(site)
    present = read(facts.host, home(site), manifest.id)
    assert present.environment is not None
    environment = replace(present.environment, resolved=resolved)
    write(facts.host, home(site), replace(present, environment=environment))


def test_dependencies_of_a_pyproject_are_resolved_too(shop: Site) -> None:
    relocked(shop, "pyproject.toml")
    (shop.root / "poetry.lock").unlink()
    shop.commit("no lock")
    manifest, _ = installed(shop)
    assert manifest.environment is not None
    assert (manifest.environment.source, manifest.environment.once) == ("pyproject.toml", True)


def test_local_package_is_installed_from_the_release(shop: Site) -> None:
    shop.write(
        "lib/pyproject.toml",
        '[project]\nname = "ours"\nversion = "1"\n[tool.setuptools]\npy-modules = ["ours"]\n',
    )
    shop.write("lib/ours.py", "NAME = 'ours'\n")
    shop.write("requirements.txt", "starlette\nuvicorn\n./lib\n")
    shop.commit("a library")
    manifest, _ = installed(shop)
    python = home(shop).environment(manifest.id) / "bin/python"
    assert manifest.environment is not None
    subprocess.run([python, "-B", "-c", "import ours"], check=True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("requirements.txt", "Add this line to requirements.txt: uvicorn"),
        ("pyproject.toml", 'Add this line to dependencies in pyproject.toml: "uvicorn",'),
    ],
)
def test_server_that_nothing_installs_is_refused_with_the_line_to_add(
    shop: Site, name: str, words: str
) -> None:
    (shop.root / "requirements.txt").unlink()
    text = PROJECT.replace(', "uvicorn"', "") if name == "pyproject.toml" else "starlette\n"
    shop.write(name, text)
    shop.commit("no server")
    outcomes = release(shop)
    assert [each.state for each in outcomes] == ["done", "failed"]
    assert "uvicorn is not in the release's environment" in outcomes[-1].note
    assert words in outcomes[-1].note
    assert os.listdir(home(shop).releases) == [], "a release that failed takes no room"


@pytest.mark.parametrize(
    ("name", "words"),
    [("uv.lock", "uv add gunicorn, and commit uv.lock."), ("poetry.lock", "poetry add gunicorn, ")],
)
def test_line_to_add_is_the_tools_own(name: str, words: str) -> None:
    assert Asked(f"/srv/{name}", "", exact=True).line_to_add("gunicorn").startswith(words)


def test_requirements_that_do_not_install_are_said_and_leave_nothing(shop: Site) -> None:
    shop.write("requirements.txt", "starlette\nuvicorn==0.0.0.1\n")
    shop.commit("no such version")
    outcomes = release(shop)
    assert outcomes[-1].state == "failed"
    assert "uvicorn==0.0.0.1" in outcomes[-1].note
    assert os.listdir(home(shop).releases) == []


def test_nothing_that_says_what_is_installed_is_said(shop: Site) -> None:
    (shop.root / "requirements.txt").unlink()
    shop.write("pyproject.toml", "[tool.black]\n")
    shop.commit("nothing")
    outcomes = release(shop, only=2)
    assert "no lock, requirements.txt or dependencies" in outcomes[-1].note


def test_environment_in_the_commit_is_not_used(shop: Site) -> None:
    shop.write(".venv/bin/python", "#!/bin/false\n")
    shop.git("add", "-f", ".venv")
    shop.commit("an environment in git")
    installed(shop)


def test_included_files_count_as_inputs(tmp_path: Path) -> None:
    host, backend = LocalHost(), Backend(tmp_path, "starlette")
    (tmp_path / "requirements.txt").write_text("-r more.txt\n")
    (tmp_path / "more.txt").write_text("starlette\n")
    before = asked(host, backend, tmp_path)
    (tmp_path / "more.txt").write_text("starlette\nuvicorn\n")
    assert asked(host, backend, tmp_path).inputs != before.inputs
    assert asked(host, backend, tmp_path).path == before.path


def test_nearest_lock_wins_and_a_workspaces_lock_beats_a_bare_pyproject(tmp_path: Path) -> None:
    host, inner = LocalHost(), tmp_path / "service"
    inner.mkdir()
    (inner / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "uv.lock").write_text("")
    assert asked(host, Backend(inner, "starlette"), tmp_path).name == "uv.lock"
    (inner / "requirements.txt").write_text("starlette\n")
    assert asked(host, Backend(inner, "starlette"), tmp_path).path == str(
        inner / "requirements.txt"
    )


def test_password_in_a_requirement_is_not_kept() -> None:
    (line,) = entries("shop @ git+https://me:hunter2@example.invalid/shop.git\n")
    assert "hunter2" not in mask(line)


def test_full_disk_in_the_install_gives_all_room_back(shop: Site, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "3m") as disk:
        shop.write("unstale.toml", f'[deploy]\nhome = "{disk}/home"\n')
        outcomes = released(facts_of(shop), *steps(shop))
        assert [each.state for each in outcomes] == ["done", "failed"]
        assert "No space left on device" in outcomes[-1].note
        assert os.listdir(disk / "home/releases") == []
        assert os.statvfs(disk).f_bavail * 4096 > 2_900_000
        filled(disk).unlink()


def steps(site: Site) -> tuple[object, ...]:
    return releasing(facts_of(site), Wanted(head(site), server="uvicorn"))


def test_what_is_installed_from_elsewhere_becomes_a_copy(shop: Site, tmp_path: Path) -> None:
    """No lock names it, and the app imports it: unpublished libraries are installed like this."""
    outside = tmp_path / "outside"
    outside.mkdir()
    text = '[project]\nname = "ours"\nversion = "1"\n[tool.setuptools]\npy-modules = ["ours"]\n'
    (outside / "pyproject.toml").write_text(text)
    (outside / "ours.py").write_text("NAME = 'ours'\n")
    uv(shop, "venv", "-q", ".venv")
    python = shop.root / ".venv/bin/python"
    uv(shop, "pip", "install", "-q", "--python", str(python), "-e", str(outside))
    outcomes = release(shop, only=2)
    assert outcomes[-1].state == "done", outcomes[-1].note
    assert f"ours is a copy of {outside}" in outcomes[-1].note
    (outside / "ours.py").write_text("NAME = 'another'\n")
    made = home(shop).environment(known(shop)[-1].id) / "bin/python"
    words = [made, "-B", "-c", "import ours; print(ours.NAME)"]
    assert subprocess.run(words, capture_output=True, text=True, cwd="/").stdout == "ours\n"
