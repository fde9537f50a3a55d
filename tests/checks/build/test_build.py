from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from front import APP, add_front_end, build, page, serve

from lab.arena import free_port

if TYPE_CHECKING:
    from conftest import Site

MIXED = {
    "web/src/page.css": b"a { b: c }\r\n",
    "web/public/logo.png": b"\x89PNG\r\n\x1a\n\0\xff\xfe",
}


@pytest.fixture
def web(site: Site) -> Site:
    add_front_end(site)
    site.old(1.1)
    return site


def _files(site: Site) -> dict[str, bytes]:
    root = site.root / "web/dist"
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_changed_source_of_a_served_build_is_rebuilt_and_comes_back_by_undo(web: Site) -> None:
    serve(web)
    assert web.codes() == []
    web.write("web/src/main.js", "console.log('two')\n")
    before, shown = _files(web), page(web)
    report = web.check()
    assert [each["code"] for each in report["findings"] if each["severity"] == "stale"] == [
        "BLD001"
    ]
    assert report["findings"][0]["proven"] is True
    done = web.unstale("fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert page(web) != shown
    assert web.codes() == []
    assert web.unstale("undo", "--yes").returncode == 0
    assert _files(web) == before


def test_build_that_fails_leaves_the_former_one(web: Site) -> None:
    serve(web)
    web.write("web/src/main.js", "SYNTAX ERROR\n")
    before = _files(web)
    done = web.unstale("fix", "--yes")
    assert done.returncode == 1
    assert "the build failed" in done.stdout
    assert _files(web) == before


def test_build_that_nothing_serves_is_a_note(web: Site) -> None:
    web.write("web/src/main.js", "console.log('two')\n")
    assert web.codes() == []
    assert web.unstale("check").returncode == 0
    assert web.codes(severity="note") == ["BLD001"]


def test_touched_and_switched_back_sources_tests_and_docs_are_fresh(web: Site) -> None:
    serve(web)
    web.write("web/src/main.test.js", "changed\n")
    web.write("web/README.md", "changed\n")
    os.utime(web.root / "web/src/main.js")
    web.git("stash", "-q", "-u")
    web.git("stash", "pop", "-q")
    assert web.codes() == []


def test_reloading_server_is_not_judged(web: Site) -> None:
    serve(web, "--reload")
    web.write("web/src/main.js", "console.log('two')\n")
    assert web.codes() == []


def test_value_written_after_the_build_is_baked_in_by_a_rebuild(web: Site) -> None:
    serve(web)
    web.write("web/.env", "VITE_TITLE=Second title\n")
    web.git("update-index", "--assume-unchanged", "web/.env")
    assert web.codes() == ["BLD002"]
    assert web.unstale("fix", "--yes").returncode == 0
    assert any(b"Second title" in content for content in _files(web).values())
    assert web.codes() == []


def test_unused_and_short_values_are_fresh(web: Site) -> None:
    serve(web)
    web.write("web/.env", "VITE_TITLE=First title\nVITE_OTHER=never used here\n")
    assert web.codes() == []


def test_copied_build_that_is_served_is_manual(site: Site) -> None:
    add_front_end(site, directory="static")
    shutil.copytree(site.root / "web/dist", site.root / "static")
    serve(site)
    assert site.codes() == []
    site.write("web/src/main.js", "console.log('two')\n")
    build(site)
    assert site.codes() == ["BLD006"]
    done = site.unstale("fix", "--yes")
    assert done.returncode == 1
    assert "web/dist" in done.stdout
    edited = (
        (site.root / "app/main.py")
        .read_text()
        .replace('directory="static"', 'directory="web/dist"')
    )
    site.write("app/main.py", edited)
    site.started[-1].kill()
    site.started[-1].wait()
    serve(site)
    assert site.codes() == []


@pytest.fixture
def crlf(site: Site) -> Site:
    """A build from a page with Windows' line ends and from a picture."""
    site.write(".gitattributes", "* -text\n")
    for path, data in MIXED.items():
        site.write(path, "").write_bytes(data)
    add_front_end(site)
    site.old(1.1)
    return site


def test_inputs_of_any_bytes_equal_themselves(crlf: Site) -> None:
    for path, data in MIXED.items():
        (crlf.root / path).unlink()
        (crlf.root / path).write_bytes(data)
    assert crlf.codes(severity="note") == []


@pytest.mark.parametrize("path", ["web/src/page.css", "web/public/logo.png"])
def test_input_of_other_bytes_is_found(crlf: Site, path: str) -> None:
    (crlf.root / path).write_bytes(MIXED[path].replace(b"\r\n", b"\n"))
    assert crlf.codes(severity="note") == ["BLD001"]


def test_back_end_in_the_same_directory_is_no_input(web: Site) -> None:
    for name in ("app/main.py", "app/main.pyi", "app/shop.db", "app/shop.db-wal", "src/x.sqlite3"):
        web.write(f"web/{name}", "x = 1\n")
    assert web.codes(severity="note") == []
    web.write("web/app/main.ts", "x = 1\n")
    assert web.codes(severity="note") == ["BLD001"]


def test_env_file_that_is_a_directory_holds_no_value(web: Site) -> None:
    web.write("web/.env.local/README", "not a file of values\n")
    serve(web)
    assert web.check()["verdict"] == "fresh"


def test_two_front_ends_that_are_each_served_from_their_own_build_are_fresh(site: Site) -> None:
    add_front_end(site)
    (site.root / "web").joinpath("src/main.js").write_text("console.log('shop')\n")
    shutil.copytree(site.root / "web", site.root / "desk")
    site.write("desk/src/main.js", "console.log('desk')\n")
    site.write("app/desk.py", APP.replace("DIRECTORY", "desk/dist"))
    site.commit("a second one")
    for name in ("web", "desk"):
        subprocess.run(["node", "build.mjs"], cwd=site.root / name, check=True)
    site.old(1.1)
    serve(site)
    first, site.port = site.port, free_port()
    serve(site, app="app.desk:app")
    report = site.check()
    assert report["verdict"] == "fresh"
    (http,) = (each for each in report["layers"] if each["layer"] == "HTP")
    assert all(f":{port} 200" in http["summary"] for port in (first, site.port))
