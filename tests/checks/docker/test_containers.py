"""DKR001 and DKR002 on real containers."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import wait_for

from lab.arena import REPOSITORY
from lab.engine import BASE, Engine

if TYPE_CHECKING:
    from conftest import Site
    from docker.conftest import Shop

pytestmark = pytest.mark.docker


def layer(report: dict) -> dict:  # type: ignore[type-arg]
    return next(each for each in report["layers"] if each["layer"] == "DKR")


def later() -> None:
    """Let the clock pass the image's time of creation."""
    time.sleep(0.1)


def test_container_of_a_former_image_is_replaced_and_put_back(shop: Shop) -> None:
    former = shop.container()
    shop.write("web/index.html", "two\n")
    shop.compose("build", "-q")
    shop.compose("restart", "-t", "1")
    assert shop.page() in ("", "one")

    report = shop.check()
    by_code = {each["code"]: each for each in report["findings"]}
    assert sorted(by_code) == ["DKR001", "DKR002"]
    assert by_code["DKR002"]["root"] == by_code["DKR001"]["id"]
    assert by_code["DKR001"]["proven"] is True
    assert shop.unstale("check").returncode == 1

    done = shop.unstale("fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shop.page() == "two"
    assert shop.container() != former
    assert shop.check()["verdict"] == "fresh"

    back = shop.unstale("undo", "--yes")
    assert back.returncode == 0, back.stdout + back.stderr
    assert shop.page() == "one"
    assert shop.codes() == ["DKR001", "DKR002"]


def test_image_of_older_sources_is_built_and_put_back(shop: Shop) -> None:
    shop.engine.run("docker", "exec", shop.container(), "sh", "-c", "echo kept > /data/row")
    later()
    shop.write("web/index.html", "two\n")
    shop.commit()

    report = shop.check()
    assert [each["code"] for each in report["findings"]] == ["DKR002"]
    assert report["findings"][0]["paths"] == ["web/index.html"]

    done = shop.unstale("fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shop.page() == "two"
    row = shop.engine.run("docker", "exec", shop.container(), "busybox", "cat", "/data/row")
    assert row.stdout == "kept\n"
    assert shop.check()["verdict"] == "fresh"

    assert shop.unstale("undo", "--yes").returncode == 0
    assert shop.page() == "one"
    assert shop.codes() == ["DKR002"]


def test_source_of_a_former_stage_counts_too(shop: Shop) -> None:
    later()
    shop.write("words/colour.txt", "blue\n")
    finding = shop.check()["findings"][0]
    assert finding["code"] == "DKR002"
    assert finding["have"]["value"].startswith("a former stage ")


def test_new_file_that_the_image_lacks_is_found(shop: Shop) -> None:
    later()
    shop.write("more/new.html", "new\n")
    finding = shop.check()["findings"][0]
    assert finding["have"]["value"] == "/app/web/more/new.html missing"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("README.md", "other words\n"),
        ("web/tests/test_it.py", "assert 1\n"),
        ("live/note.txt", "two\n"),
        ("notes.txt", "nobody copies it\n"),
    ],
)
def test_edit_that_the_image_does_not_run_is_fresh(shop: Shop, path: str, text: str) -> None:
    later()
    shop.write(path, text)
    assert shop.check()["verdict"] == "fresh"


def test_healthy_container_is_fresh_touched_or_not(shop: Shop) -> None:
    report = shop.check()
    assert layer(report)["state"] == "fresh"
    later()
    for path in ("web/index.html", "words/colour.txt", "Dockerfile"):
        os.utime(shop.root / path)
    shop.write("web/index.html", "one\n")
    assert shop.check()["verdict"] == "fresh"
    assert shop.unstale("check").returncode == 0


def test_rebuild_from_the_cache_is_fresh(shop: Shop) -> None:
    later()
    os.utime(shop.root / "web/index.html")
    shop.compose("build", "-q")
    assert shop.check()["verdict"] == "fresh"


def test_repair_that_would_change_more_than_the_image_is_refused(shop: Shop) -> None:
    shop.up(GREETING="by hand")
    former = shop.container()
    later()
    shop.write("web/index.html", "two\n")
    done = shop.unstale("fix", "--yes")
    assert done.returncode == 2
    assert "compose would also change GREETING" in done.stdout
    assert "by hand" not in done.stdout + done.stderr
    assert shop.container() == former
    assert shop.page() == "one"


def test_build_that_fails_leaves_the_container_as_it_was(shop: Shop) -> None:
    former = shop.container()
    later()
    shop.write("web/index.html", "two\n")
    shop.write("Dockerfile", (shop.root / "Dockerfile").read_text() + "RUN no-such-program\n")
    done = shop.unstale("fix", "--yes")
    assert done.returncode == 1
    assert shop.container() == former
    assert shop.page() == "one"


def test_another_projects_containers_are_not_seen(shop: Shop, site: Site) -> None:
    site.write("compose.yaml", "services:\n  web:\n    build: .\n")
    site.write("Dockerfile", "FROM lab/busybox:1\nCOPY app/ /app/\n")
    report = site.check()
    assert layer(report)["state"] == "absent"
    assert report["verdict"] == "fresh"


def test_server_in_a_container_that_mounts_the_checkout_is_fresh(
    site: Site, engine: Engine
) -> None:
    """The image holds nothing but busybox: Python and the packages are this machine's own."""
    machine = {"/usr", "/lib", "/lib64", "/etc", sys.base_prefix, sys.prefix, str(REPOSITORY)}
    mounts = [f"{place}:{place}:ro" for place in sorted(machine) if Path(place).exists()]
    service = {
        "image": BASE,
        "working_dir": "/app",
        "command": [
            sys.executable,
            "-m",
            "uvicorn",
            "app.main:app",
            "--host",
            "0.0.0.0",
            "--reload",
        ],
        "volumes": [".:/app", *mounts],
        "ports": [f"127.0.0.1:{site.port}:8000"],
        "stop_signal": "SIGKILL",
    }
    site.write("compose.yaml", json.dumps({"version": "3.8", "services": {"app": service}}))
    site.commit("compose")
    site.more = engine.environ
    engine.run("docker-compose", "-p", "mounted", "up", "-d", cwd=site.root)
    try:
        wait_for(lambda: site.answer() == {"hello": "one"})
        site.old()
        site.write("app/words.py", 'GREETING = "edited"\n')
        report = site.check()
        assert report["verdict"] == "fresh"
        assert layer(report)["state"] == "fresh"
        assert site.unstale("check").returncode == 0
    finally:
        engine.run("docker-compose", "-p", "mounted", "down", cwd=site.root)


def test_stopped_engine_is_absent(site: Site, tmp_path: Path) -> None:
    site.write("compose.yaml", "services:\n  web:\n    build: .\n")
    site.more["DOCKER_HOST"] = f"unix://{tmp_path}/none.sock"
    assert layer(site.check())["state"] == "absent"
    assert site.unstale("check").returncode == 0


def test_mute_engine_is_unknown_never_fresh(site: Site, tmp_path: Path) -> None:
    site.write("compose.yaml", "services:\n  web:\n    build: .\n")
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(f"{tmp_path}/mute.sock")
        mute.listen()
        site.more["DOCKER_HOST"] = f"unix://{tmp_path}/mute.sock"
        assert layer(site.check())["state"] == "unknown"
        assert site.unstale("check").returncode == 3
