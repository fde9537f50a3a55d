"""The owner of a process acts first: nobody else stops or starts what it keeps."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Site, wait_for

from unstale.actions.owner import act, owned, owner_does
from unstale.errors import Failed
from unstale.local import LocalHost

CONFIG = """\
[unix_http_server]
file={place}/supervisor.sock
[supervisord]
nodaemon=true
logfile={place}/supervisord.log
pidfile={place}/supervisord.pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{place}/supervisor.sock
[program:shop]
command={python} -m uvicorn app.main:app --port {port}
directory={root}
autorestart=true
"""


@pytest.fixture
def supervised(site: Site, tmp_path: Path) -> Iterator[Site]:
    """The site's server below supervisord; its programs are on the PATH, as an operator has them."""
    config = tmp_path / "supervisord.conf"
    words = {"place": tmp_path, "python": sys.executable, "root": site.root, "port": site.port}
    config.write_text(CONFIG.format(**words))
    site.more["PATH"] = f"{Path(sys.executable).parent}:{site.environ()['PATH']}"
    daemon = site.run([sys.executable, "-m", "supervisor.supervisord", "-c", str(config)])
    wait_for(lambda: site.answer() is not None)
    yield site
    daemon.terminate()
    daemon.wait(20)


def server(site: Site) -> int:
    rows = site.ps()
    return next(each["pid"] for each in rows if each["role"] == "server")


def test_supervisord_restarts_what_it_keeps(supervised: Site) -> None:
    former = server(supervised)
    assert [each["owner"] for each in supervised.ps()] == ["supervisord"]
    supervised.old()
    supervised.write("app/words.py", 'GREETING = "two"\n')
    assert supervised.codes() == ["PRC001"]

    done = supervised.unstale("fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert supervised.answer() == {"hello": "two"}
    assert server(supervised) != former
    assert [each["owner"] for each in supervised.ps()] == ["supervisord"]
    assert supervised.check()["verdict"] == "fresh"


def test_process_of_nobody_has_no_owner(site: Site) -> None:
    child = site.serve()
    host = LocalHost(changing=True)
    assert owned(host, child.pid) is None
    assert owner_does(host, child.pid, "restart") is False
    assert child.poll() is None


def test_variables_of_supervisord_alone_make_no_owner(site: Site) -> None:
    child = site.serve(SUPERVISOR_PROCESS_NAME="shell", SUPERVISOR_GROUP_NAME="shell")
    assert owned(LocalHost(), child.pid) is None


def test_owner_that_refuses_is_told_with_its_own_words() -> None:
    with pytest.raises(Failed, match="false did not restart shop"):
        act(LocalHost(changing=True), ("false", "", "shop"), "restart")
