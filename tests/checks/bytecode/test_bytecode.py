from __future__ import annotations

import compileall
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import wait_for

if TYPE_CHECKING:
    from conftest import Site

TAG = sys.implementation.cache_tag


def digest(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


@pytest.fixture
def compiled(site: Site) -> Site:
    """The site with an environment that borrows this one's packages, and compiled sources."""
    venv.create(site.root / ".venv", with_pip=False, symlinks=True)
    borrowed = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    own = next((site.root / ".venv/lib").glob("python*/site-packages"))
    (own / "borrowed.pth").write_text(f"{borrowed}\n")
    site.write("requirements.txt", "")
    site.write(".gitignore", "__pycache__/\n*.pyc\n.venv/\n.unstale/\n")
    site.commit()
    compileall.compile_dir(site.root / "app", quiet=1)
    return site


def _edit_within_the_second(site: Site) -> None:
    """Write other code of the same length and give it the old time, as `rsync -t` or a fast second save does."""
    source = site.root / "app/words.py"
    before = source.stat()
    source.write_text('GREETING = "two"\n')
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_hidden_source_is_found_proven_cured_and_comes_back_by_undo(compiled: Site) -> None:
    _edit_within_the_second(compiled)
    python = str(compiled.root / ".venv/bin/python")
    say = [python, "-c", "import app.words; print(app.words.GREETING)"]
    assert (
        subprocess.check_output(say, cwd=compiled.root, env=compiled.environ(), text=True)
        == "one\n"
    )
    before = digest(compiled.root / "app")

    report = compiled.check()
    assert [each["code"] for each in report["findings"]] == ["PYC001"]
    assert report["findings"][0]["proven"] is True
    assert compiled.unstale("fix", "--yes").returncode == 0
    assert compiled.check()["verdict"] == "fresh"
    assert compiled.unstale("undo", "--yes").returncode == 0
    assert digest(compiled.root / "app") == before

    assert compiled.unstale("fix", "--yes").returncode == 0
    assert (
        subprocess.check_output(say, cwd=compiled.root, env=compiled.environ(), text=True)
        == "two\n"
    )


def test_server_that_loaded_hidden_code_is_restarted(compiled: Site) -> None:
    _edit_within_the_second(compiled)
    argv = [
        str(compiled.root / ".venv/bin/python"),
        "-m",
        "uvicorn",
        "app.main:app",
        "--port",
        str(compiled.port),
    ]
    compiled.run(argv)
    wait_for(lambda: compiled.answer() is not None)
    assert compiled.answer() == {"hello": "one"}
    done = compiled.unstale("fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert compiled.answer() == {"hello": "two"}
    assert compiled.check()["verdict"] == "fresh"


@pytest.mark.parametrize(
    "kind", ["touch", "ordinary edit", "comment of the same length", "foreign"]
)
def test_bytecode_that_python_handles_by_itself_is_fresh(compiled: Site, kind: str) -> None:
    source = compiled.root / "app/words.py"
    if kind == "touch":
        os.utime(source)
    elif kind == "ordinary edit":
        source.write_text('GREETING = "three"\n')
    elif kind == "comment of the same length":
        before = source.stat()
        source.write_text('GREETING = "one"\n')
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        _edit_within_the_second(compiled)
        pyc = compiled.root / f"app/__pycache__/words.{TAG}.pyc"
        pyc.rename(pyc.with_name("words.cpython-38.pyc"))
    assert compiled.codes() == []


def test_sourceless_bytecode_is_found_and_comes_back_by_undo(compiled: Site) -> None:
    compiled.write("app/plugin.py", "NAME = 1\n")
    compileall.compile_file(compiled.root / "app/plugin.py", legacy=True, quiet=1)
    (compiled.root / "app/plugin.py").unlink()
    before = digest(compiled.root / "app")
    assert compiled.codes() == ["PYC003"]
    assert compiled.unstale("fix", "--yes").returncode == 0
    assert compiled.check()["verdict"] == "fresh"
    assert compiled.unstale("undo", "--yes").returncode == 0
    assert digest(compiled.root / "app") == before


def test_cached_bytecode_without_a_source_is_clutter_and_fresh(compiled: Site) -> None:
    compiled.write("app/plugin.py", "NAME = 1\n")
    compileall.compile_file(compiled.root / "app/plugin.py", quiet=1)
    (compiled.root / "app/plugin.py").unlink()
    assert compiled.codes() == []


def test_leftover_package_is_stale_only_when_imported(compiled: Site) -> None:
    compiled.write("app/extras/__init__.py", "")
    compileall.compile_dir(compiled.root / "app/extras", quiet=1)
    (compiled.root / "app/extras/__init__.py").unlink()
    assert compiled.codes() == []
    assert compiled.codes(severity="risk") == ["PYC004"]
    compiled.write("app/late.py", "from app.extras import anything\n")
    before = digest(compiled.root / "app")
    assert compiled.codes() == ["PYC004"]
    assert compiled.unstale("fix", "--yes").returncode == 0
    assert not (compiled.root / "app/extras").exists()
    assert compiled.unstale("undo", "--yes").returncode == 0
    assert digest(compiled.root / "app") == before


def test_namespace_package_with_sources_is_fresh(compiled: Site) -> None:
    compiled.write("app/space/module.py", "VALUE = 1\n")
    compileall.compile_dir(compiled.root / "app/space", quiet=1)
    compiled.write("app/late.py", "import app.space.module\n")
    assert compiled.codes() == []
    assert compiled.codes(severity="risk") == []


def test_name_that_only_begins_alike_is_no_import_of_the_leftover(compiled: Site) -> None:
    _leave_only_bytecode(compiled, "app/util")
    compiled.write("app/late.py", "import utils\nfrom app.utility import x\n# import app.util\n")
    assert compiled.codes() == []
    assert compiled.codes(severity="risk") == ["PYC004"]


@pytest.mark.parametrize(
    "line", ["from . import util", "from .util import x", "import app.util.deep"]
)
def test_leftover_is_stale_by_any_form_of_import(compiled: Site, line: str) -> None:
    _leave_only_bytecode(compiled, "app/util")
    compiled.write("app/late.py", f"{line}\n")
    assert compiled.codes() == ["PYC004"]


def test_leftover_is_a_risk_where_a_real_module_has_its_name(compiled: Site) -> None:
    _leave_only_bytecode(compiled, "fastapi_extras")
    compiled.write("fastapi_extras.py", "x = 1\n")
    compiled.write("app/late.py", "import fastapi_extras\n")
    assert compiled.codes() == []
    assert compiled.codes(severity="risk") == ["PYC004"]


@pytest.mark.parametrize("what", ["link", "data", "hidden", "environment"])
def test_directory_that_holds_anything_else_is_left_alone(compiled: Site, what: str) -> None:
    _leave_only_bytecode(compiled, "app/util")
    compiled.write("app/late.py", "import app.util\n")
    inside = compiled.root / "app/util"
    if what == "link":
        (inside / "more.py").symlink_to("/nonexistent")
    elif what == "environment":
        compiled.write("app/util/env/pyvenv.cfg", "home = /usr/bin\n")
    else:
        compiled.write(f"app/util/{'notes.txt' if what == 'data' else '.git/keep'}", "x\n")
    assert compiled.codes() == []
    assert compiled.codes(severity="risk") == []


@pytest.mark.parametrize("what", ["tracked", "no source beside", "foreign", "no module name"])
def test_bytecode_that_is_shipped_alone_on_purpose_is_fresh(compiled: Site, what: str) -> None:
    place = {"no source beside": "vendor/plugin.py", "no module name": "app/2-plugin.py"}.get(
        what, "app/plugin.py"
    )
    source = compiled.write(place, "NAME = 1\n")
    compileall.compile_file(source, legacy=True, quiet=1)
    source.unlink()
    if what == "tracked":
        compiled.git("add", "-f", "app/plugin.pyc")
    if what == "foreign":
        pyc = source.with_suffix(".pyc")
        pyc.write_bytes(b"\x55\x0d" + pyc.read_bytes()[2:])
    assert compiled.codes() == []


def test_bytecode_that_cannot_be_read_is_unknown_never_fresh(compiled: Site) -> None:
    _edit_within_the_second(compiled)
    pyc = compiled.root / f"app/__pycache__/words.{TAG}.pyc"
    pyc.write_bytes(pyc.read_bytes()[:16] + b"garbage")
    os.utime(pyc, (1, 1))
    report = compiled.check()
    assert [each["code"] for each in report["unknown"]] == ["PYC001"]
    assert report["verdict"] == "unknown"


def _leave_only_bytecode(site: Site, place: str) -> None:
    source = site.write(f"{place}/__init__.py", "")
    compileall.compile_file(source, quiet=1)
    source.unlink()
