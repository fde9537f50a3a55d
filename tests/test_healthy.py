"""Healthy projects in arrangements that are easily misread: silence, or the right name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lab.waiting import wait_for
from unstale import eyes, journal
from unstale.actions.owner import owned
from unstale.facts.app_processes import AppProcesses
from unstale.facts.code import _same_code
from unstale.facts.compiled import compared, loaded_pyc
from unstale.facts.http import _ASSET
from unstale.host import Ran
from unstale.local import LocalHost

if TYPE_CHECKING:
    from conftest import Site


def test_server_on_another_address_is_looked_at(site: Site) -> None:
    site.run(
        [
            sys.executable,
            "-m",
            "uvicorn",
            "app.main:app",
            "--host",
            "127.0.0.2",
            "--port",
            str(site.port),
        ]
    )
    url = f"http://127.0.0.2:{site.port}/"
    wait_for(lambda: _answers(url))
    report = site.check()
    assert report["verdict"] == "fresh"
    (http,) = (each for each in report["layers"] if each["layer"] == "HTP")
    assert f"http://127.0.0.2:{site.port} 200" in http["summary"]


def _answers(url: str) -> bool:
    with suppress(OSError):
        return urllib.request.urlopen(url, timeout=2).status == 200
    return False


def test_server_with_a_certificate_is_looked_at(site: Site, tmp_path: Path) -> None:
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=x",
    ]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    words = ("--ssl-keyfile", key, "--ssl-certfile", certificate)
    site.run([sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(site.port), *words])
    wait_for(lambda: "Uvicorn running" in site.log.read_text())
    report = site.check()
    assert report["verdict"] == "fresh"
    assert f"https://127.0.0.1:{site.port} 200" in json.dumps(report)


def test_password_of_an_address_is_nowhere(site: Site, tmp_path: Path) -> None:
    site.write("unstale.toml", '[http]\nurls = ["http://admin:canary-two@127.0.0.1:9"]\n')
    recording = tmp_path / "facts.json"
    words = (
        "check",
        "--url",
        "http://admin:canary-one@127.0.0.1:9",
        "--format",
        "json",
        "--record",
        str(recording),
    )
    done = site.unstale(*words)
    assert "canary" not in done.stdout + done.stderr + recording.read_text()


def test_variable_of_the_unit_is_no_rival_of_a_file_edited_later(site: Site) -> None:
    site.write("app/settings.py", "from dotenv import load_dotenv\nload_dotenv()\n")
    site.write(".env", "GREETING=one\n")
    site.commit()
    site.serve(GREETING="one")
    site.old()
    site.write(".env", "GREETING=two\n")
    assert site.codes() == ["CFG001"]


def test_settings_class_that_names_no_file_reads_none(site: Site) -> None:
    site.write(
        "app/settings.py",
        "from pydantic_settings import BaseSettings\nclass Settings(BaseSettings): ...\n",
    )
    site.write(".env", "GREETING=one\n")
    site.commit()
    site.serve()
    site.old()
    site.write(".env", "GREETING=two\n")
    assert site.codes() == []


def test_git_that_refuses_is_unknown_and_not_absent(site: Site) -> None:
    (site.root / ".git/HEAD").write_text("damaged\n")
    (git,) = (each for each in site.check()["layers"] if each["layer"] == "GIT")
    assert git["state"] == "unknown"


def test_torn_line_of_the_reflog_is_left_out(site: Site) -> None:
    site.serve()
    site.old()
    with (site.root / ".git/logs/HEAD").open("ab") as log:
        log.write(b"\0\0\0\0\n")
    site.write("app/words.py", 'GREETING = "two"\n')
    assert site.codes() == ["PRC001"]


def test_pool_of_whatever_work_is_no_process_of_the_app(site: Site) -> None:
    site.write(
        "train.py",
        "import multiprocessing as m, time\n"
        "if __name__ == '__main__':\n"
        "    child = m.get_context('spawn').Process(target=time.sleep, args=(60,))\n"
        "    child.start(); print('up', flush=True); child.join()\n",
    )
    site.commit()
    site.run([sys.executable, "train.py"])
    wait_for(lambda: site.log.exists() and "up" in site.log.read_text())
    site.old()
    site.write("app/words.py", 'GREETING = "two"\n')
    assert (site.ps(), site.codes()) == ([], [])


def test_workers_of_a_server_started_from_code_are_no_orphans(site: Site) -> None:
    code = f"import uvicorn; uvicorn.run('app.main:app', port={site.port}, workers=2)"
    site.run([sys.executable, "-c", code])
    wait_for(lambda: site.answer() is not None)
    assert site.codes() == []


def test_server_put_into_the_background_on_purpose_is_not_abandoned(site: Site) -> None:
    line = f"nohup {sys.executable} -m uvicorn app.main:app --port {site.port} & exit 0"
    site.run(["sh", "-c", line], npm_lifecycle_event="start").wait()
    wait_for(lambda: site.answer() is not None)
    assert site.codes() == []


def test_interpreter_by_its_bare_name_is_found_in_the_process_own_path(site: Site) -> None:
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=site.root, check=True
    )
    (place,) = (site.root / ".venv/lib").glob("python*/site-packages")
    ours = next(each for each in sys.path if each.endswith("site-packages"))
    (place / "ours.pth").write_text(f"{ours}\n")
    path = f"{site.root}/.venv/bin:{os.environ['PATH']}"
    line = f"exec python -m uvicorn app.main:app --port {site.port}"
    site.run(["sh", "-c", line], PATH=path)
    wait_for(lambda: site.answer() is not None)
    from unstale.detect import find_project
    from unstale.fact import Facts

    (found,) = Facts(find_project(site.root, LocalHost()), LocalHost()).get(AppProcesses).processes
    assert found.prefix == f"{site.root}/.venv"


class _Cron:
    """A host on which cron started process 7, and knows it no more."""

    def __init__(self, main: str) -> None:
        self.main = main

    def read(self, path: str) -> bytes:
        return b"0::/system.slice/cron.service\n" if path.endswith("cgroup") else b""

    def readlink(self, path: str) -> str:
        return {"/proc/7/cwd": "/srv/app", "/proc/9/cwd": "/srv/app"}.get(path, "/")

    def run(self, argv: tuple[str, ...]) -> Ran:
        assert argv[:2] == ("systemctl", "show")
        return Ran(argv, 0, self.main, "")


@pytest.mark.parametrize(
    ("main", "ours"), [("500\n", False), ("0\n", False), ("7\n", True), ("9\n", True)]
)
def test_unit_owns_only_what_it_runs(main: str, *, ours: bool) -> None:
    host: Any = _Cron(main)
    assert owned(host, 7) == (("systemctl", "", "cron.service") if ours else None)


def test_output_of_a_program_is_kept_byte_for_byte() -> None:
    done = LocalHost().run(("printf", "a\\r\\nb\\377"))
    assert done.out.encode("utf-8", "surrogateescape") == b"a\r\nb\xff"


def test_walk_bears_what_vanishes_meanwhile(tmp_path: Path) -> None:
    stop = threading.Event()

    def flicker() -> None:
        while not stop.is_set():
            (tmp_path / "app.db-journal").touch()
            (tmp_path / "sub").mkdir(exist_ok=True)
            (tmp_path / "app.db-journal").unlink()
            (tmp_path / "sub").rmdir()

    thread = threading.Thread(target=flicker)
    thread.start()
    try:
        until = time.monotonic() + 1
        while time.monotonic() < until:
            eyes.walk(str(tmp_path), frozenset(), 8)
    finally:
        stop.set()
        thread.join()


def test_walk_leaves_out_what_vanished_since_it_was_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing is sorted before its names are looked at: there the race has one outcome."""
    for name in ("first/inner", "kept", "second"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "app.db-journal").touch()

    def by_name(item: os.DirEntry[str]) -> str:
        if item.name == "app.db-journal":
            os.unlink(item.path)
        if item.name == "inner":
            (tmp_path / "second").rmdir()
        return item.name

    monkeypatch.setattr(eyes, "_BY_NAME", by_name)
    found = [each.path for each in eyes.walk(str(tmp_path), frozenset(), 8)]
    assert found == ["first", "kept", "second", "first/inner"]


def test_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert journal.user() == "4000000"


def test_code_too_deep_to_compare_counts_as_another() -> None:
    deep = "if x: pass\n" + "".join(f"elif x == {at}: pass\n" for at in range(2000))
    assert not _same_code(deep, deep.replace("x == 7:", "x == 8:"))


def test_name_with_a_word_is_no_hashed_asset() -> None:
    page = '<link href="/static/font-awesome.css"><script src="/jquery.validate.js"></script>'
    assert _ASSET.findall(page) == []
    assert _ASSET.findall('<script src="/assets/index-BxYz12Ab.js"></script>') == [
        "/assets/index-BxYz12Ab.js"
    ]


def test_bytecode_is_compared_without_what_the_environment_prints(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "v")], check=True)
    (place,) = (tmp_path / "v/lib").glob("python*/site-packages")
    (place / "noise.pth").write_text("import sys; print('noise')\n")
    source = tmp_path / "m.py"
    source.write_text("x = 1\n")
    python = str(tmp_path / "v/bin/python")
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        [python, "-m", "py_compile", str(source)], check=True, env=environ, capture_output=True
    )
    (pyc,) = (tmp_path / "__pycache__").iterdir()
    assert compared(LocalHost(), python, ((str(source), str(pyc)),)) == ["same"]


def test_of_several_bytecode_files_the_youngest_counts(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    (tmp_path / "__pycache__").mkdir()
    for at, tag in enumerate(("310", "312", "311")):
        pyc = tmp_path / f"__pycache__/m.cpython-{tag}.pyc"
        pyc.touch()
        os.utime(pyc, (1000 + (at != 1), 1000 + (at == 1) * 9))
    found = loaded_pyc(LocalHost(), str(tmp_path / "m.py"), datetime.now(UTC))
    assert found == str(tmp_path / "__pycache__/m.cpython-312.pyc")


def test_owner_alone_changed_without_git_is_the_same_code(site: Site) -> None:
    shutil.rmtree(site.root / ".git")
    (site.root / "unstale.toml").touch()
    site.serve("--no-access-log", PYTHONDONTWRITEBYTECODE="1")
    site.old()
    for path in (site.root / "app").glob("*.py"):
        path.chmod(0o640)
    assert site.codes() == []
