"""What an app's role sees of others: PostgreSQL hides most of another role's session from it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.postgres import PASSWORD, program
from lab.waiting import wait_for
from unstale.local import LocalHost
from unstale.redact import without_password
from unstale.stores.postgres import PostgresStore
from unstale.stores.url_sources import UrlSource

if TYPE_CHECKING:
    from conftest import Cluster


@pytest.fixture
def store(postgres: Cluster, tmp_path: Path) -> PostgresStore:
    """A database of a role that is no superuser, as an app's is."""
    name = f"roles_{os.getpid()}"
    postgres.psql(f"CREATE ROLE {name} LOGIN CREATEDB PASSWORD '{PASSWORD}'")
    postgres.psql(f"CREATE DATABASE {name} OWNER {name}")
    url = postgres.url(name, user=name)
    (tmp_path / ".env").write_text(f"DATABASE_URL={url}\n")
    source = UrlSource("DATABASE_URL", None, (str(tmp_path / ".env"),))
    return PostgresStore(without_password(url), source)


def test_session_of_another_role_is_seen_before_anything_is_replaced(
    store: PostgresStore, postgres: Cluster
) -> None:
    host = LocalHost(changing=True)
    assert store.users(host) == ()
    argv = [str(program("psql")), "-X", "-d", store.name, "-c", "SELECT pg_sleep(60)"]
    with subprocess.Popen(argv, env=postgres.environ()) as other:
        try:
            wait_for(lambda: store.users(host) != ())
            (used,) = store.users(host)
            assert "(psql, user unstale, from this machine)" in used
        finally:
            other.kill()
