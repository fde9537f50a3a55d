from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Site


def test_edited_module_is_found_fixed_and_proven_fresh(site: Site) -> None:
    server = site.serve()
    site.old()
    site.write("app/words.py", 'GREETING = "two"\n')
    assert site.answer() == {"hello": "one"}

    report = site.check()
    assert [each["code"] for each in report["findings"]] == ["PRC001"]
    assert report["findings"][0]["pids"] == [server.pid]
    assert report["findings"][0]["paths"] == ["app/words.py"]
    assert site.unstale("check").returncode == 1

    done = site.unstale("fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert site.answer() == {"hello": "two"}
    server.wait(5)
    assert site.check()["verdict"] == "fresh"


def test_committed_change_is_proven_by_git(site: Site) -> None:
    site.serve()
    site.old()
    site.write("app/words.py", 'GREETING = "two"\n')
    site.commit()
    finding = site.check()["findings"][0]
    assert finding["proven"] is True
    assert finding["want"]["source"].startswith("git diff ")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app/words.py", '# a comment\nGREETING = "one"\n'),
        ("README.md", "words\n"),
        ("tests/test_it.py", "assert True\n"),
        ("app/unused.py", "VALUE = 1\n"),
    ],
)
def test_edit_that_is_no_loaded_code_is_fresh(site: Site, path: str, text: str) -> None:
    site.serve()
    site.old()
    site.write(path, text)
    assert site.codes() == []


def test_touch_and_switching_there_and_back_are_fresh(site: Site) -> None:
    site.git("branch", "other")
    site.git("switch", "-q", "other")
    site.write("app/words.py", 'GREETING = "other"\n')
    site.commit()
    site.git("switch", "-q", "main")
    site.serve()
    site.old()
    os.utime(site.root / "app/main.py")
    site.git("switch", "-q", "other")
    site.git("switch", "-q", "main")
    assert site.answer() == {"hello": "one"}
    assert site.codes() == []


def test_touch_without_git_is_fresh(site: Site) -> None:
    site.serve()
    (site.root / ".git").rename(site.root.parent / "elsewhere")
    site.write("unstale.toml", "")
    site.old()
    os.utime(site.root / "app/words.py")
    assert site.codes() == []


def test_reloading_server_is_not_judged(site: Site) -> None:
    site.serve("--reload")
    site.old()
    site.write("app/words.py", 'GREETING = "two"\n')
    assert "PRC001" not in site.codes()


def test_broken_code_on_disk_forbids_the_restart(site: Site) -> None:
    server = site.serve()
    site.old()
    site.write("app/words.py", "GREETING = (\n")
    done = site.unstale("fix", "--yes")
    assert done.returncode == 2
    assert "the code on disk is broken" in done.stdout
    assert server.poll() is None
    assert site.answer() == {"hello": "one"}


def test_no_server_is_absent(site: Site) -> None:
    layers = {each["layer"]: each["state"] for each in site.check()["layers"]}
    assert layers["PRC"] == "absent"
    assert site.unstale("check").returncode == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_package\n", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("GREETING = undefined_name\n", "NameError"),
        ("from app.main import nothing\n", "ImportError"),
    ],
)
def test_code_that_does_not_import_forbids_the_restart(site: Site, text: str, said: str) -> None:
    server = site.serve()
    site.old()
    site.write("app/words.py", text)
    done = site.unstale("fix", "--yes")
    assert done.returncode == 2
    assert "app.main:app would not start" in done.stdout
    assert said in done.stdout
    assert server.poll() is None
    assert site.answer() == {"hello": "one"}


def test_import_that_only_the_barrier_stops_is_restarted(site: Site) -> None:
    site.serve()
    site.old()
    site.write("app/words.py", 'open("started.log", "w").close()\nGREETING = "two"\n')
    done = site.unstale("fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert site.answer() == {"hello": "two"}


def test_pool_that_a_server_began_later_does_not_hide_its_older_code(site: Site) -> None:
    site.write(
        "app/main.py",
        "import multiprocessing as m, time\n"
        "from fastapi import FastAPI\n"
        "from app.words import GREETING\n"
        "app = FastAPI()\n"
        "@app.get('/')\n"
        "def hello() -> str: return GREETING\n"
        "@app.get('/begin')\n"
        "def begin() -> str:\n"
        "    m.get_context('spawn').Process(target=time.sleep, args=(60,), daemon=True).start()\n"
        "    return 'begun'\n",
    )
    site.commit()
    server = site.serve()
    site.old()
    site.write("app/words.py", 'GREETING = "two"\n')
    assert site.answer("/begin") == "begun"
    (found,) = (each for each in site.check()["findings"] if each["severity"] == "stale")
    assert (found["code"], found["pids"]) == ("PRC001", [server.pid])
