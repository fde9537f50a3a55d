"""Reset of a project's own containers: built and recreated, volumes kept, nothing of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.engine import BASE

if TYPE_CHECKING:
    from docker.conftest import Shop

pytestmark = pytest.mark.docker


def test_only_docker_builds_and_recreates_what_is_ours_and_keeps_the_volume(shop: Shop) -> None:
    stranger = shop.engine.run("docker", "run", "-d", BASE, "sleep", "600").stdout.strip()
    shop.engine.run("docker", "exec", shop.container(), "sh", "-c", "echo kept > /data/row")
    former = shop.container()
    try:
        done = shop.unstale("reset", "--yes", "--only", "docker")
        assert done.returncode == 0, done.stdout + done.stderr
        assert shop.container() not in ("", former)
        assert shop.page() == "one"
        row = shop.engine.run("docker", "exec", shop.container(), "busybox", "cat", "/data/row")
        assert row.stdout == "kept\n"
        running = shop.engine.run("docker", "ps", "-q", "--no-trunc").stdout.split()
        assert stranger in running
        undone = shop.unstale("undo", "--yes")
        assert undone.returncode == 0, undone.stdout + undone.stderr
        assert shop.page() == "one"
        row = shop.engine.run("docker", "exec", shop.container(), "busybox", "cat", "/data/row")
        assert row.stdout == "kept\n"
    finally:
        shop.engine.run("docker", "rm", "-f", stranger)
