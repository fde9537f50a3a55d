from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from conftest import wait_for

if TYPE_CHECKING:
    from conftest import Site


def _orphaned(site: Site) -> None:
    parent = site.serve("--reload")
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert site.answer() == {"hello": "one"}


def test_orphan_is_found_and_ended_and_nothing_else(site: Site) -> None:
    _orphaned(site)
    shell = site.run(["sh", "-c", "sleep 60; :"])
    report = site.check()
    assert [each["code"] for each in report["findings"]] == ["PRC004"]
    assert report["findings"][0]["ports"] == [site.port]
    assert site.unstale("fix", "--yes").returncode == 0
    wait_for(lambda: site.answer() is None)
    assert shell.poll() is None
    assert site.check()["verdict"] == "fresh"


def test_old_code_in_an_orphan_names_the_orphan_as_its_root(site: Site) -> None:
    _orphaned(site)
    site.old()
    site.write("app/words.py", 'GREETING = "two"\n')
    findings = {each["code"]: each for each in site.check()["findings"]}
    assert set(findings) == {"PRC001", "PRC004"}
    assert findings["PRC001"]["root"] == findings["PRC004"]["id"]


def test_workers_of_a_live_parent_are_fresh(site: Site) -> None:
    site.serve("--workers", "2")
    assert site.codes() == []
    assert site.check()["verdict"] == "fresh"
