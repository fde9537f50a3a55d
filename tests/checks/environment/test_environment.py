from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import wait_for
from uv import find_uv_bin

if TYPE_CHECKING:
    from conftest import Site


@pytest.fixture
def installed(site: Site) -> Site:
    """The site with an environment of its own that holds six 1.16.0 and borrows the rest."""
    subprocess.run(
        [find_uv_bin(), "venv", "-q", "--python", sys.executable, ".venv"],
        cwd=site.root,
        check=True,
    )
    borrowed = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    own = next((site.root / ".venv/lib").glob("python*/site-packages"))
    (own / "borrowed.pth").write_text(f"{borrowed}\n")
    site.write("requirements.txt", "six>=1.16  # a range\n")
    site.write(".gitignore", "__pycache__/\n.venv/\n.unstale/\n")
    site.commit()
    install(site, "six==1.16.0")
    return site


def install(site: Site, *words: str) -> None:
    python = str(site.root / ".venv/bin/python")
    subprocess.run([find_uv_bin(), "pip", "install", "-q", "--python", python, *words], check=True)


def six(site: Site) -> str:
    code = "import six; print(six.__version__)"
    argv = [str(site.root / ".venv/bin/python"), "-B", "-c", code]
    return subprocess.check_output(argv, cwd=site.root, env=site.environ(), text=True).strip()


def content(site: Site) -> dict[str, bytes]:
    root = site.root / ".venv"
    return {
        str(path): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def test_package_outside_the_locked_range_is_installed_and_comes_back_by_undo(
    installed: Site,
) -> None:
    assert installed.codes() == []
    installed.write("requirements.txt", "six==1.17.0\n")
    before = content(installed)
    assert installed.codes() == ["ENV001"]
    done = installed.unstale("fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert six(installed) == "1.17.0"
    assert installed.check()["verdict"] == "fresh"
    assert installed.unstale("undo", "--yes").returncode == 0
    assert six(installed) == "1.16.0"
    assert content(installed) == before


def test_install_that_fails_leaves_the_former_environment(installed: Site) -> None:
    installed.write("requirements.txt", "six==0.0.1.dev999\n")
    before = content(installed)
    done = installed.unstale("fix", "--yes")
    assert done.returncode == 1
    assert "uv did not install" in done.stdout
    assert content(installed) == before


@pytest.mark.parametrize(
    "text",
    [
        "six\n",
        "SIX~=1.15\n",
        "six>=1.10,<2\n",
        "six==1.16.0 --hash=sha256:" + "0" * 64 + "\n",
        'six==1.16.0\npywin32==306 ; sys_platform == "win32"\n',
        "-r more.txt\n",
        "./vendored\n-e .\n",
        "six==1.16.0 \\\n    --hash=sha256:" + "0" * 64 + "\n",
    ],
)
def test_lock_that_is_met_is_fresh(installed: Site, text: str) -> None:
    installed.write("more.txt", "six>=1\n")
    installed.write("requirements.txt", text)
    assert installed.codes() == []


def test_dependencies_upgraded_under_the_server_need_a_restart(installed: Site) -> None:
    server = _serve(installed)
    installed.old()
    install(installed, "six==1.17.0")
    assert installed.codes() == ["ENV008"]
    assert installed.unstale("fix", "--yes").returncode == 0
    server.wait(5)
    assert installed.check()["verdict"] == "fresh"


def test_lock_and_process_are_cured_in_rounds(installed: Site) -> None:
    _serve(installed)
    installed.old()
    installed.write("requirements.txt", "six==1.17.0\n")
    done = installed.unstale("fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "round 2" in done.stderr
    assert installed.check()["verdict"] == "fresh"


def _serve(site: Site) -> subprocess.Popen[bytes]:
    python = str(site.root / ".venv/bin/python")
    server = site.run([python, "-m", "uvicorn", "app.main:app", "--port", str(site.port)])
    wait_for(lambda: site.answer() is not None)
    return server


def test_installed_copy_that_differs_is_replaced_by_an_editable(installed: Site) -> None:
    build = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    installed.write(
        "pyproject.toml",
        f'{build}[project]\nname = "site-app"\nversion = "1"\n[tool.setuptools]\npackages = ["app"]\n',
    )
    install(installed, str(installed.root))
    assert installed.codes() == []
    installed.write("app/words.py", 'GREETING = "two"\n')
    before = content(installed)
    assert installed.codes() == ["PYC005"]
    done = installed.unstale("fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert installed.check()["verdict"] == "fresh"
    assert installed.unstale("undo", "--yes").returncode == 0
    assert content(installed) == before


def test_uv_lock_is_walked_without_dev_groups_and_other_platforms(installed: Site) -> None:
    (installed.root / "requirements.txt").unlink()
    lock = """
version = 1
[[package]]
name = "site-app"
source = { virtual = "." }
dependencies = [{ name = "six" }, { name = "pywin32", marker = "sys_platform == 'win32'" }]
[package.dev-dependencies]
dev = [{ name = "pytest" }]
[[package]]
name = "six"
version = "VERSION"
[[package]]
name = "pywin32"
version = "306"
[[package]]
name = "pytest"
version = "0.1"
"""
    installed.write("uv.lock", lock.replace("VERSION", "1.16.0"))
    assert installed.codes() == []
    installed.write("uv.lock", lock.replace("VERSION", "1.17.0"))
    assert installed.codes() == ["ENV001"]


def test_mapped_file_of_the_former_package_is_proof(installed: Site) -> None:
    """Also after an undo, when every RECORD is older than the process."""
    install(installed, "markupsafe==2.1.5")
    installed.write("requirements.txt", "six>=1.16\nmarkupsafe==2.1.5\n")
    installed.write("app/words.py", "import markupsafe._speedups\nGREETING = 'one'\n")
    _serve(installed)
    assert installed.codes() == []
    installed.old()
    installed.write("requirements.txt", "six>=1.16\nmarkupsafe==3.0.2\n")
    done = installed.unstale("fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert installed.check()["verdict"] == "fresh"
    assert installed.unstale("undo", "--yes").returncode == 0
    found = {each["code"]: each for each in installed.check()["findings"]}
    assert set(found) == {"ENV001", "ENV008"}
    assert found["ENV008"]["proven"] is True
    assert "_speedups" in found["ENV008"]["because"]


def test_metadata_that_was_only_linked_or_rewritten_by_nobody_is_fresh(installed: Site) -> None:
    _serve(installed)
    installed.old()
    for record in installed.root.glob(".venv/lib/python*/site-packages/*.dist-info/RECORD"):
        os.link(record, installed.root / "linked")
        record.chmod(0o600)
        (installed.root / "linked").unlink()
    installed.write("requirements.txt", "six==0.0.1.dev999\n")
    assert installed.unstale("fix", "--yes").returncode == 1
    assert installed.codes() == ["ENV001"]


def test_undo_is_refused_when_something_else_was_installed_since(installed: Site) -> None:
    installed.write("requirements.txt", "six==1.17.0\n")
    assert installed.unstale("fix", "--yes").returncode == 0
    install(installed, "markupsafe==3.0.2")
    before = content(installed)
    done = installed.unstale("undo", "--yes")
    assert done.returncode == 2
    assert "markupsafe" in (done.stdout + done.stderr).lower()
    assert content(installed) == before


def test_environment_behind_a_link_is_refused_and_unchanged(installed: Site) -> None:
    (installed.root / ".venv").rename(installed.root / "real")
    (installed.root / ".venv").symlink_to("real")
    installed.write("requirements.txt", "six==1.17.0\n")
    assert installed.unstale("fix", "--yes").returncode != 0
    assert six(installed) == "1.16.0"
    assert (installed.root / ".venv").is_symlink()


@pytest.mark.parametrize("name", ["uv.lock", "poetry.lock"])
def test_locks_of_projects_are_installed_without_dev_tools(installed: Site, name: str) -> None:
    (installed.root / "requirements.txt").unlink()
    install(installed, "markupsafe==2.1.5")
    need = '[project]\nname = "site-app"\nversion = "1"\nrequires-python = ">=3.11"\n'
    need += 'dependencies = ["six==1.17.0"]\n[dependency-groups]\ndev = ["markupsafe==3.0.2"]\n'
    installed.write("pyproject.toml", need)
    if name == "uv.lock":
        subprocess.run([find_uv_bin(), "lock", "-q"], cwd=installed.root, check=True)
    else:
        package = '[[package]]\nname = "six"\nversion = "1.17.0"\ngroups = ["main"]\n'
        installed.write(name, package + "optional = false\n")
    before = content(installed)
    assert installed.codes() == ["ENV001"]
    done = installed.unstale("fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert six(installed) == "1.17.0"
    assert list(installed.root.glob(".venv/lib/*/site-packages/[mM]arkup[sS]afe-2.1.5.dist-info"))
    assert installed.unstale("undo", "--yes").returncode == 0
    assert content(installed) == before


BUILD = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "site-app"
version = "1"
[tool.setuptools]
packages = ["app"]
"""


def test_copy_that_the_server_passes_over_is_a_risk(installed: Site) -> None:
    installed.write("pyproject.toml", BUILD)
    install(installed, str(installed.root))
    installed.write("app/words.py", 'GREETING = "two"\n')
    _serve(installed)
    assert installed.answer() == {"hello": "two"}
    assert installed.codes() == []
    assert installed.codes(severity="risk") == ["PYC005"]


def test_file_that_the_build_wrote_is_no_source(installed: Site) -> None:
    installed.write("pyproject.toml", BUILD)
    installed.write(
        ".gitignore", "__pycache__/\n.venv/\n.unstale/\nbuild/\n*.egg-info/\n_version.py\n"
    )
    installed.write("app/_version.py", "VERSION = 1\n")
    install(installed, str(installed.root))
    installed.write("app/_version.py", "VERSION = 2\n")
    assert installed.codes() == []
    assert installed.codes(severity="risk") == []


def test_projects_own_editable_is_no_package_of_the_process(installed: Site) -> None:
    """Its code is the checkout's own; what an installer last writes of any other is its RECORD."""
    (own,) = (installed.root / ".venv/lib").glob("python*/site-packages")
    info = str(own.relative_to(installed.root) / "site_app-1.dist-info")

    def come(*, editable: bool) -> None:
        origin = {"url": installed.root.as_uri(), "dir_info": {"editable": editable}}
        installed.write(f"{info}/direct_url.json", json.dumps(origin))
        installed.write(f"{info}/RECORD", "")

    installed.write(f"{info}/METADATA", "Name: site-app\nVersion: 1\n")
    _serve(installed)
    installed.old()
    come(editable=True)
    assert installed.codes() == []
    come(editable=False)
    assert installed.codes() == ["ENV008"]
