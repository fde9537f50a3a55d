from __future__ import annotations

import os
from pathlib import Path

import pytest

from unstale.check import by_code
from unstale.detect import find_project
from unstale.errors import Absent, Unavailable
from unstale.fact import Facts
from unstale.facts.environment import Environments
from unstale.facts.locks import Locks
from unstale.facts.requirements import unmet
from unstale.finding import Finding, Fresh
from unstale.local import LocalHost


class Target:
    """A project with an environment made of metadata alone: nothing in it ever runs."""

    def __init__(self, root: Path, version: str = "3.9.18") -> None:
        self.root = root
        self.write("app/main.py", "from fastapi import FastAPI\n\napp = FastAPI()\n")
        self.write("requirements.txt", "")
        self.write("pyproject.toml", "")
        self.write(".venv/pyvenv.cfg", f"home = /nonexistent/bin\nversion = {version}\n")
        self.site = f".venv/lib/python{'.'.join(version.split('.')[:2])}/site-packages"
        self.write(f"{self.site}/README.txt", "")

    def write(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def install(self, name: str, version: str, site: str | None = None) -> None:
        info = f"{site or self.site}/{name}-{version}.dist-info"
        self.write(f"{info}/METADATA", f"Name: {name}\nVersion: {version}\n")
        self.write(f"{info}/RECORD", "")

    def lock(self, name: str, text: str) -> None:
        (self.root / "requirements.txt").unlink(missing_ok=True)
        self.write(name, text)

    def facts(self) -> Facts:
        host = LocalHost()
        return Facts(find_project(self.root, host), host)

    def unmet(self) -> dict[str, str | None]:
        facts = self.facts()
        environments = facts.get(Environments)
        locks = facts.get(Locks).locks
        return {wanted.name: has for each in locks for wanted, has in unmet(each, environments)}


@pytest.fixture
def target(tmp_path: Path) -> Target:
    made = Target(tmp_path)
    made.install("six", "1.16.0")
    made.install("Zope.Interface", "6.0")
    made.install("torch", "2.1.0+cpu")
    return made


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("six==1.16.0\nzope-interface==6.0\n", {}),
        ("six>=1.17\n", {"six": "1.16.0"}),
        ("six~=1.16.1\n", {"six": "1.16.0"}),
        ("six<1.16\n", {"six": "1.16.0"}),
        ("absent\n", {"absent": None}),
        ("absent; python_version >= '3.10'\n", {}),
        ("absent; python_full_version < '3.9.18'\n", {}),
        ("absent; python_version < '3.10'\n", {"absent": None}),
        ("absent; sys_platform == 'win32'\n", {}),
        ("absent; platform_python_implementation == 'PyPy'\n", {}),
        ("absent; extra == 'dev'\n", {}),
        ("torch==2.1.0\n", {}),
        ("torch==2.1.0+cu121\n", {}),
        ("torch==2.2.0+cpu\n", {"torch": "2.1.0+cpu"}),
        ("six[extra]==1.16.0\n", {}),
        ("six @ https://example.invalid/six.whl\n", {}),
        ("absent @ git+https://example.invalid/absent\n", {"absent": None}),
        (
            "git+https://example.invalid/absent\n./local.whl\n-e .\n--no-binary :all:\n-c more.txt\n",
            {},
        ),
        ("\ufeffsix==1.16.0\n", {}),
        ("six==1.17.0 \\\r\n  --hash=sha256:00\r\n", {"six": "1.16.0"}),
        ("-r requirements.txt\n--requirement=more.txt\n", {"deeper": None}),
        ("six===1.16.0\n", {}),
        ("# six==9\n\nsix  # six==9\n", {}),
    ],
)
def test_requirements_are_judged_for_the_target(
    target: Target, text: str, left: dict[str, str | None]
) -> None:
    target.write("requirements.txt", text)
    target.write("more.txt", "-r inner/deep.txt\n")
    target.write("inner/deep.txt", "deeper\n-r ../more.txt\n")
    assert target.unmet() == left


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_requirements_are_read_as_powershell_writes_them(target: Target, encoding: str) -> None:
    mark = "" if encoding in ("utf-16", "utf-8-sig") else "\ufeff"
    text = f"{mark}six==1.17.0\r\nabsent==1\r\n"
    (target.root / "requirements.txt").write_bytes(text.encode(encoding))
    assert target.unmet() == {"six": "1.16.0", "absent": None}


def test_leftover_package_is_silent_and_a_leftover_version_is_not(target: Target) -> None:
    target.write("requirements.txt", "six==1.17.0\n")
    check = by_code("ENV001")
    assert check
    (found,) = check.verdicts(target.facts())
    assert isinstance(found, Finding)
    assert (found.want.value, found.have.value) == ("six==1.17.0", "six 1.16.0")
    target.write("requirements.txt", "six==1.16.0\n")
    os.utime(target.root / "requirements.txt")
    (fresh,) = check.verdicts(target.facts())
    assert isinstance(fresh, Fresh)


def test_packages_lent_by_path_files_and_eggs_are_there(target: Target) -> None:
    target.install("lent", "1.0", site="elsewhere")
    target.write(f"{target.site}/lent.pth", f"import os\n{target.root}/elsewhere\n")
    target.write(f"{target.site}/egg_file-2.0-py3.9.egg-info", "Name: egg-file\nVersion: 2.0\n")
    target.write("elsewhere/develop.egg-info/PKG-INFO", "Name: develop\nVersion: 3.0\n")
    target.write("requirements.txt", "lent==1.0\negg-file==2.0\ndevelop==3.0\nsix\n")
    assert target.unmet() == {}


def test_environment_that_sees_system_packages_lacks_none_of_them(target: Target) -> None:
    target.install("system-one", "1.0", site="base/lib/python3.9/site-packages")
    target.write("requirements.txt", "system-one\n")
    home = f"home = {target.root}/base/bin\nversion = 3.9.18\n"
    target.write(".venv/pyvenv.cfg", home)
    assert target.unmet() == {"system-one": None}
    target.write(".venv/pyvenv.cfg", f"{home}include-system-site-packages = true\n")
    assert target.unmet() == {}


def test_what_pip_left_of_an_interrupted_uninstall_is_not_installed(target: Target) -> None:
    target.install("~bsent", "1.0")
    (target.root / target.site / "absent-1.0.dist-info").mkdir()
    target.write("requirements.txt", "absent\n")
    assert target.unmet() == {"absent": None}


UV = """
version = 1
[[package]]
name = "site"
source = { virtual = "." }
dependencies = [
  { name = "six" }, { name = "six", extra = ["speed"] },
  { name = "win", marker = "sys_platform == 'win32'" },
  { name = "member" },
]
[package.optional-dependencies]
dev = [{ name = "unselected" }]
[package.dev-dependencies]
dev = [{ name = "devtool" }]
[[package]]
name = "six"
version = "1.16.0"
source = { registry = "https://example.invalid" }
[package.optional-dependencies]
speed = [{ name = "fast" }]
[[package]]
name = "fast"
version = "1"
resolution-markers = ["python_full_version < '3.10'"]
[[package]]
name = "fast"
version = "2"
resolution-markers = ["python_full_version >= '3.10'"]
[[package]]
name = "member"
version = "0.1"
source = { editable = "packages/member" }
dependencies = [{ name = "of-member" }]
[[package]]
name = "of-member"
version = "1"
[[package]]
name = "other-member"
version = "0.1"
source = { editable = "packages/other" }
dependencies = [{ name = "of-other" }]
[[package]]
name = "of-other"
version = "1"
[[package]]
name = "win"
version = "1"
[[package]]
name = "unselected"
version = "1"
[[package]]
name = "devtool"
version = "1"
"""


def test_uv_lock_is_walked_from_the_project(target: Target) -> None:
    target.lock("uv.lock", UV)
    assert target.unmet() == {"fast": None, "of-member": None}
    target.install("fast", "1")
    target.install("of-member", "2")
    assert target.unmet() == {"of-member": "2"}


def test_pylock_leaves_out_extras_and_groups_that_are_not_selected(target: Target) -> None:
    packages = [
        'name = "six"\nversion = "1.17.0"',
        'name = "devtool"\nversion = "1"\nmarker = "\'dev\' in dependency_groups"',
        'name = "extra"\nversion = "1"\nmarker = "\'fast\' in extras"',
        'name = "chosen"\nversion = "1"\nmarker = "\'main\' in dependency_groups"',
        'name = "win"\nversion = "1"\nmarker = "sys_platform == \'win32\'"',
        'name = "tree"\nversion = "1"\ndirectory = { path = "tree" }',
    ]
    head = 'lock-version = "1.0"\ndefault-groups = ["main"]\n'
    target.lock("pylock.toml", head + "".join(f"[[packages]]\n{each}\n" for each in packages))
    assert target.unmet() == {"six": "1.16.0", "chosen": None}


def test_poetry_lock_judges_what_it_can_tell(target: Target) -> None:
    packages = [
        'name = "six"\nversion = "1.17.0"\noptional = false\ngroups = ["main", "dev"]',
        'name = "devtool"\nversion = "1"\noptional = false\ngroups = ["dev"]',
        'name = "chosen"\nversion = "1"\noptional = false\ngroups = ["main"]',
        'name = "maybe"\nversion = "1"\noptional = true\ngroups = ["main"]',
        'name = "win"\nversion = "1"\ngroups = ["main"]\nmarkers = "sys_platform == \'win32\'"',
        'name = "old"\nversion = "1"\noptional = false',
    ]
    target.lock("poetry.lock", "".join(f"[[package]]\n{each}\n" for each in packages))
    assert target.unmet() == {"six": "1.16.0", "chosen": None}


@pytest.mark.parametrize("text", ["= broken", "[[package]]\nversion = '1'\n", "package = 3\n"])
def test_lock_that_cannot_be_read_is_unknown(target: Target, text: str) -> None:
    target.lock("uv.lock", text)
    with pytest.raises(Unavailable, match=r"uv\.lock"):
        target.facts().get(Locks)


def test_project_without_an_environment_is_absent(target: Target) -> None:
    (target.root / ".venv/pyvenv.cfg").unlink()
    with pytest.raises(Absent):
        target.facts().get(Environments)


def test_python_without_an_environment_around_it_is_absent(target: Target) -> None:
    target.write("unstale.toml", '[backend]\npath = "."\npython = "/usr/bin/python3"\n')
    with pytest.raises(Absent):
        target.facts().get(Environments)
