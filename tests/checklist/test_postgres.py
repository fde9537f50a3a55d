"""PostgreSQL, which no check judges, is asked: it is there, at which revision, and whether a backup of it is kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from checklist.conftest import points

from lab.postgres import PASSWORD

if TYPE_CHECKING:
    from conftest import Cluster, Site

FIRST = 'revision = "a1"\ndown_revision = None\n'
SECOND = 'revision = "b2"\ndown_revision = "a1"\n'


@pytest.fixture
def shop(site: Site, postgres: Cluster) -> Site:
    name = f"checklist_{site.port}"
    postgres.psql(f"CREATE DATABASE {name}")
    rows = (
        "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('a1')"
    )
    postgres.psql(rows, database=name)
    site.write(".env", f"DATABASE_URL={postgres.url(name)}\n")
    site.write("alembic.ini", "[alembic]\nscript_location = migrations\n")
    site.write("migrations/env.py", "")
    site.write("migrations/versions/one.py", FIRST)
    return site


def test_database_schema_and_backup_are_verified(shop: Site) -> None:
    assert shop.unstale("db", "backup").returncode == 0
    found = points(shop)
    label = f"checklist_{shop.port}"
    for name, words in (("database", "bytes"), ("schema", f"{label}: a1"), ("backups", "1 rows")):
        assert found[name]["state"] == "verified", found[name]
        assert words in found[name]["evidence"][0]["value"]
    assert PASSWORD not in json.dumps(found)


def test_migration_that_was_not_applied_fails_the_schema(shop: Site) -> None:
    shop.write("migrations/versions/two.py", SECOND)
    found = points(shop)
    (failure,) = found["schema"]["failures"]
    assert (failure["because"], failure["fix"]) == ("not applied: b2", "unstale db migrate")
    assert found["backups"]["state"] == "failed"
    shop.write("migrations/versions/one.py", SECOND)
    unknown = points(shop)["schema"]
    assert unknown["state"] == "not_checked"
    assert "no migrations say" in unknown["why"]


def test_server_that_does_not_answer_is_not_checked(shop: Site) -> None:
    shop.write(".env", f"DATABASE_URL=postgresql://app:{PASSWORD}@127.0.0.1:1/shop\n")
    found = points(shop)
    for name in ("database", "schema"):
        assert found[name]["state"] == "not_checked"
        assert "127.0.0.1:1/shop" in found[name]["why"]
    assert PASSWORD not in json.dumps(found)
