from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from unstale.detect import find_project
from unstale.errors import Absent
from unstale.fact import Facts
from unstale.facts.servers import DatabaseServers
from unstale.local import LocalHost
from unstale.stores.postgres import PostgresStore
from unstale.stores.url_sources import UrlSource

if TYPE_CHECKING:
    from conftest import Site

_SECRET = "canary-word-4711"


def gathered(site: Site) -> DatabaseServers:
    host = LocalHost()
    return Facts(find_project(site.root, host), host).get(DatabaseServers)


def test_environment_of_the_process_beats_the_file(site: Site) -> None:
    site.write(".env", f"DATABASE_URL=postgresql://app:{_SECRET}@db/file\n")
    (server,) = gathered(site).servers
    assert (server.url, server.key, server.pid) == (
        "postgresql://app@db/file",
        "DATABASE_URL",
        None,
    )
    child = site.serve(DATABASE_URL=f"postgresql+psycopg://app:{_SECRET}@db/live")
    found = gathered(site)
    (server,) = found.servers
    assert (server.url, server.pid) == ("postgresql+psycopg://app@db/live", child.pid)
    assert _SECRET not in repr(found)
    store = PostgresStore(server.url, UrlSource(server.key, server.pid, server.files))
    assert store.environment(LocalHost())["PGPASSWORD"] == _SECRET
    assert (store.label, store.name) == ("db/live", "live")


def test_process_that_uses_sqlite_uses_no_server(site: Site) -> None:
    site.write(".env", "DATABASE_URL=postgresql://app@db/file\n")
    site.serve(DATABASE_URL="sqlite:///./app.db")
    with pytest.raises(Absent):
        gathered(site)


def test_alembics_url_counts_where_nothing_else_names_one(site: Site) -> None:
    site.write(
        "alembic.ini",
        f"[alembic]\nscript_location = m\nsqlalchemy.url = postgresql://a:{_SECRET}@h:5433/x\n",
    )
    (server,) = gathered(site).servers
    store = PostgresStore(server.url, UrlSource(server.key, server.pid, server.files))
    assert store.label == "h:5433/x"
    assert store.environment(LocalHost())["PGPASSWORD"] == _SECRET
    site.write(
        "app/main.py",
        site.root.joinpath("app/main.py").read_text() + '\nURL = "sqlite:///./app.db"\n',
    )
    with pytest.raises(Absent):
        gathered(site)


@pytest.mark.parametrize(
    "url", ["postgresql://{user}@db/x", "mysql://a@b/c", "postgresql://$USER@db/x"]
)
def test_template_and_other_kinds_are_no_server(site: Site, url: str) -> None:
    site.write(".env", f"DATABASE_URL={url}\n")
    with pytest.raises(Absent):
        gathered(site)
