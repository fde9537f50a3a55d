from __future__ import annotations

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
    subprocess.run([find_uv_bin(), "venv", "-q", "--python", sys.executable, ".venv"], cwd=site.root, check=True)
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
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file() and not path.is_symlink()}


def test_package_outside_the_locked_range_is_installed_and_comes_back_by_undo(installed: Site) -> None:
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
    installed.write("pyproject.toml", f'{build}[project]\nname = "site-app"\nversion = "1"\n[tool.setuptools]\npackages = ["app"]\n')
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
