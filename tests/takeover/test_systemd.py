"""What systemd keeps is restarted, stopped and started by systemd."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lab.systemd import Systemd
from lab.waiting import wait_for

if TYPE_CHECKING:
    from conftest import Site


@pytest.fixture
def served(site: Site, systemd: Systemd) -> Site:
    argv = f"{sys.executable} -m uvicorn app.main:app --port {site.port}"
    systemd.serve("web", f"ExecStart={argv}\nWorkingDirectory={site.root}\nEnvironment=KEY=told")
    wait_for(lambda: site.answer() is not None)
    site.old()
    return site


def unstale(systemd: Systemd, site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    argv = (sys.executable, "-m", "unstale", *words)
    return systemd.run(*argv, cwd=site.root, env=site.environ())


def test_unit_is_restarted_by_systemd(served: Site, systemd: Systemd) -> None:
    main = systemd.show("web", "MainPID")
    site = served
    assert "systemd:web.service" in unstale(systemd, site, "ps").stdout
    site.write("app/words.py", 'GREETING = "two"\n')
    told = unstale(systemd, site, "check")
    assert "systemctl restart web.service" in told.stdout
    assert "kill -TERM" not in told.stdout
    done = unstale(systemd, site, "fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for(lambda: site.answer() == {"hello": "two"})
    assert systemd.show("web", "ActiveState") == "active"
    assert systemd.show("web", "MainPID") not in ("0", main)
    assert systemd.show("web", "NRestarts") == "0"  # nobody killed it for systemd to notice


def test_unit_is_stopped_and_started_by_systemd_in_a_reset(served: Site, systemd: Systemd) -> None:
    main = systemd.show("web", "MainPID")
    (served.root / "app/__pycache__").mkdir(exist_ok=True)
    (served.root / "app/__pycache__/gone.cpython-311.pyc").write_bytes(b"x")
    done = unstale(systemd, served, "reset", "--yes", "--only", "backend")
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for(lambda: served.answer() == {"hello": "one"})
    assert systemd.show("web", "MainPID") not in ("0", main)
    assert not (served.root / "app/__pycache__/gone.cpython-311.pyc").exists()


def test_what_a_unit_once_started_is_not_the_units(served: Site, systemd: Systemd) -> None:
    """As cron's and a build agent's children: the unit's main process stands elsewhere."""
    argv = f"{sys.executable} -m uvicorn app.main:app --port {served.port}"
    systemd.run("systemctl", "stop", "web")
    script = f"cd {served.root} && {argv} & cd / && sleep 600"
    systemd.serve("agent", f'ExecStart=/bin/sh -c "{script}"')
    wait_for(lambda: served.answer() is not None)
    served.old()
    assert "systemd:" not in unstale(systemd, served, "ps").stdout
    served.write("app/words.py", 'GREETING = "two"\n')
    main = systemd.show("agent", "MainPID")
    done = unstale(systemd, served, "fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert served.answer() == {"hello": "two"}
    assert systemd.show("agent", "MainPID") == main
