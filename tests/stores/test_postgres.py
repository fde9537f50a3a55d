from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.postgres import PASSWORD, program
from lab.waiting import wait_for
from unstale import codec
from unstale.errors import Failed, Unavailable
from unstale.local import LocalHost
from unstale.redact import without_password
from unstale.stores.libpq import variables
from unstale.stores.note import note_of
from unstale.stores.postgres import PostgresStore
from unstale.stores.url_sources import UrlSource

if TYPE_CHECKING:
    from conftest import Cluster

_SCHEMA = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE "User" (id serial PRIMARY KEY, email varchar(40) NOT NULL UNIQUE, mood mood DEFAULT 'glad', born timestamptz,
  data jsonb, raw bytea, price numeric(10, 2) CHECK (price > 0));
CREATE SCHEMA extra;
CREATE TABLE extra."odd name" (a int REFERENCES "User" (id) ON DELETE CASCADE, b text COLLATE "C");
CREATE INDEX ix ON extra."odd name" (b) WHERE a > 2;
CREATE VIEW everything AS SELECT email FROM "User";
CREATE TABLE alembic_version (version_num varchar(32));
INSERT INTO alembic_version VALUES ('abc123');
INSERT INTO "User" (email, born, data, raw, price) VALUES ('a', now(), '{"a": 1}', '\\x00ff', 1.5), (E'b\\nCOPY x FROM stdin;\\n\\\\.', NULL, NULL, NULL, 2);
INSERT INTO extra."odd name" VALUES (1, 'x'), (2, NULL);
"""
_NUMBERS = count()


@pytest.fixture
def host() -> LocalHost:
    return LocalHost(changing=True)


@pytest.fixture
def name(postgres: Cluster) -> Iterator[str]:
    made = f"shop {next(_NUMBERS)}"
    postgres.psql(f'CREATE DATABASE "{made}"')
    postgres.psql(_SCHEMA, database=made)
    postgres.psql(
        f'ALTER DATABASE "{made}" SET search_path = public, extra; ALTER DATABASE "{made}" SET work_mem = \'5MB\''
    )
    yield made


@pytest.fixture
def store(postgres: Cluster, name: str, tmp_path: Path) -> PostgresStore:
    url = postgres.url(name.replace(" ", "%20"), driver="+psycopg")
    (tmp_path / ".env").write_text(f"DATABASE_URL={url}\n")
    return PostgresStore(
        without_password(url), UrlSource("DATABASE_URL", None, (str(tmp_path / ".env"),))
    )


def test_password_is_read_where_it_is_written_and_shown_nowhere(
    store: PostgresStore, host: LocalHost, tmp_path: Path
) -> None:
    assert PASSWORD not in repr(store)
    assert PASSWORD not in store.label
    assert store.environment(host)["PGPASSWORD"] == PASSWORD
    (tmp_path / ".env").write_text(
        f"DATABASE_URL={store.url.replace('unstale@', 'unstale:wrong-word@')}\n"
    )
    with pytest.raises(Unavailable, match="password authentication failed") as caught:
        store.size(host)
    assert "wrong-word" not in str(caught.value)


def test_password_of_a_running_process_is_read_from_its_environment(
    store: PostgresStore, host: LocalHost, postgres: Cluster, name: str, tmp_path: Path
) -> None:
    env = {**os.environ, "DATABASE_URL": postgres.url(name.replace(" ", "%20"), driver="+psycopg")}
    (tmp_path / ".env").unlink()
    with subprocess.Popen(["sleep", "60"], env=env) as child:
        try:
            told = Path(f"/proc/{child.pid}/environ")
            wait_for(lambda: b"DATABASE_URL" in told.read_bytes())  # empty while it begins
            running = PostgresStore(store.url, UrlSource("DATABASE_URL", child.pid))
            assert running.revisions(host) == ("abc123",)
        finally:
            child.kill()


def test_backup_is_verified_by_its_own_rows_and_noted(
    store: PostgresStore, host: LocalHost, tmp_path: Path
) -> None:
    target = str(tmp_path / "k/b.dump")
    store.backup(host, target)
    note = note_of(host, target)
    assert note is not None
    assert note.rows == {"User": 2, "alembic_version": 1, "extra.odd name": 2}
    assert note.revisions == ("abc123",)
    assert os.stat(target).st_mode & 0o777 == 0o600
    assert PASSWORD not in Path(f"{target}.json").read_text()


def test_scratch_copy_is_equal_and_dropped(
    store: PostgresStore, host: LocalHost, postgres: Cluster, tmp_path: Path
) -> None:
    before = postgres.psql("SELECT count(*) FROM pg_database")
    with store.scratch(host, str(tmp_path / "scratch")) as copy:
        assert copy.label != store.label
        assert copy.digest(host) == store.digest(host)
        assert copy.fingerprint(host) == store.fingerprint(host)
        postgres.psql('DELETE FROM extra."odd name"', database=copy.label.rpartition("/")[2])
        assert copy.digest(host) != store.digest(host)
    assert postgres.psql("SELECT count(*) FROM pg_database") == before
    assert os.listdir(tmp_path / "scratch") == []


def test_restore_exchanges_names_and_keeps_the_replaced_one_and_its_settings(
    store: PostgresStore, host: LocalHost, postgres: Cluster, name: str, tmp_path: Path
) -> None:
    store.backup(host, str(tmp_path / "b.dump"))
    before, shape = store.digest(host), store.fingerprint(host)
    postgres.psql("INSERT INTO \"User\" (email) VALUES ('new')", database=name)
    after = store.digest(host)
    store.restore(host, str(tmp_path / "b.dump"), str(tmp_path / "keep"))
    assert store.digest(host) == before
    assert store.fingerprint(host) == shape
    assert postgres.psql("SHOW search_path; SHOW work_mem", database=name) == "public, extra\n5MB"
    assert json.loads((tmp_path / "keep/replaced.json").read_text())["database"] in postgres.psql(
        "SELECT datname FROM pg_database"
    )
    assert store.replaced(host, str(tmp_path / "keep"))
    store.put_back(host, str(tmp_path / "keep"), str(tmp_path / "keep2"))
    assert store.digest(host) == after
    assert not store.replaced(host, str(tmp_path / "keep"))
    assert "_new_" not in postgres.psql("SELECT datname FROM pg_database")


def test_database_with_sessions_is_named_and_stays(
    store: PostgresStore, host: LocalHost, postgres: Cluster, name: str, tmp_path: Path
) -> None:
    store.backup(host, str(tmp_path / "b.dump"))
    before = store.digest(host)
    argv = [str(program("psql")), "-X", "-d", name, "-c", "SELECT pg_sleep(60)"]
    env = {**postgres.environ(), "PGAPPNAME": "the app"}
    with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL) as child:
        try:
            from lab.waiting import wait_for

            wait_for(lambda: store.users(host))
            assert "the app, user unstale, from this machine" in store.users(host)[0]
            with pytest.raises(
                Failed, match="the app, user unstale, from this machine. came to use it"
            ):
                store.restore(host, str(tmp_path / "b.dump"), str(tmp_path / "keep"))
        finally:
            child.kill()
    assert store.digest(host) == before
    assert "_new_" not in postgres.psql("SELECT datname FROM pg_database")


def test_damaged_dump_makes_no_database(
    store: PostgresStore, host: LocalHost, postgres: Cluster, tmp_path: Path
) -> None:
    target = tmp_path / "b.dump"
    store.backup(host, str(target))
    raw = target.read_bytes()
    target.write_bytes(raw[: len(raw) // 2])
    before = postgres.psql("SELECT count(*) FROM pg_database")
    with pytest.raises(Failed, match="is damaged"):
        store.restore(host, str(target), str(tmp_path / "keep"))
    assert postgres.psql("SELECT count(*) FROM pg_database") == before


def test_user_who_may_make_no_database_is_told_which_right_is_missing(
    store: PostgresStore, host: LocalHost, postgres: Cluster, name: str, tmp_path: Path
) -> None:
    postgres.psql(
        f"CREATE ROLE weak LOGIN PASSWORD '{PASSWORD}'; GRANT CONNECT ON DATABASE \"{name}\" TO weak"
    )
    postgres.psql(
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO weak; GRANT USAGE ON SCHEMA extra TO weak; GRANT SELECT ON ALL TABLES IN SCHEMA extra TO weak; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO weak",
        database=name,
    )
    url = postgres.url(name.replace(" ", "%20"), user="weak")
    (tmp_path / ".env").write_text(f"DATABASE_URL={url}\n")
    weak = PostgresStore(without_password(url), store.source)
    with (
        pytest.raises(Unavailable, match='ALTER ROLE "weak" CREATEDB'),
        weak.scratch(host, str(tmp_path / "s")),
    ):
        raise AssertionError
    assert os.listdir(tmp_path / "s") == []


def test_missing_client_is_one_sentence(store: PostgresStore) -> None:
    class Without(LocalHost):
        def which(self, program: str) -> str | None:
            return None

    with pytest.raises(Unavailable, match="cannot run psql: it is not installed") as caught:
        store.size(Without())
    assert "postgresql-client" in caught.value.next


def test_every_change_of_the_schema_changes_its_fingerprint(
    store: PostgresStore, host: LocalHost, postgres: Cluster, name: str
) -> None:
    seen = {store.fingerprint(host)}
    for change in (
        'ALTER TABLE "User" ADD COLUMN c int',
        'UPDATE "User" SET c = 1; ALTER TABLE "User" ALTER COLUMN c SET NOT NULL',
        'ALTER TABLE "User" ALTER COLUMN c SET DEFAULT 3',
        'ALTER TABLE "User" ALTER COLUMN c TYPE bigint',
        "DROP INDEX extra.ix",
        "DROP VIEW everything",
        "ALTER TYPE mood ADD VALUE 'odd'",
        'ALTER TABLE "User" DROP CONSTRAINT "User_price_check"',
        'ALTER TABLE extra."odd name" ALTER COLUMN b TYPE text COLLATE "default"',
        "CREATE SEQUENCE s",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ):
        postgres.psql(change, database=name)
        found = store.fingerprint(host)
        assert found not in seen, change
        seen.add(found)


def test_digest_does_not_depend_on_the_order_of_rows(
    store: PostgresStore, host: LocalHost, postgres: Cluster, name: str
) -> None:
    before = store.digest(host)
    postgres.psql('UPDATE "User" SET email = email WHERE id = 1', database=name)
    assert store.digest(host) == before
    postgres.psql("UPDATE \"User\" SET mood = 'sad' WHERE id = 1", database=name)
    assert {each for each, kept in before.items() if store.digest(host)[each] != kept} == {"User"}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "postgresql://a:p%40/w@db:5433/shop?sslmode=require",
            {
                "PGHOST": "db",
                "PGPORT": "5433",
                "PGUSER": "a",
                "PGPASSWORD": "p@/w",
                "PGDATABASE": "shop",
                "PGSSLMODE": "require",
            },
        ),
        ("postgres://[::1]/x", {"PGHOST": "::1", "PGDATABASE": "x"}),
        ("postgresql+asyncpg:///x?host=/run/pg", {"PGHOST": "/run/pg", "PGDATABASE": "x"}),
    ],
)
def test_url_becomes_libpq_variables(url: str, said: dict[str, str]) -> None:
    assert variables(url) == said


def test_other_urls_are_none_of_postgresqls() -> None:
    assert variables("mysql://a@b/c") is None
    assert variables("sqlite:///x.db") is None


def test_owner_who_is_no_superuser_needs_no_more_than_the_right_to_make_databases(
    host: LocalHost, postgres: Cluster, tmp_path: Path
) -> None:
    made = f"plain{next(_NUMBERS)}"
    postgres.psql(f"CREATE ROLE {made} LOGIN CREATEDB PASSWORD '{PASSWORD}'")
    postgres.psql(f"CREATE DATABASE {made} OWNER {made}")
    postgres.psql(
        f"ALTER DATABASE {made} CONNECTION LIMIT 20; REVOKE CONNECT ON DATABASE {made} FROM PUBLIC"
    )
    postgres.psql(f"SET ROLE {made}; {_SCHEMA}", database=made)
    url = postgres.url(made, user=made)
    (tmp_path / ".env").write_text(f"DATABASE_URL={url}\n")
    store = PostgresStore(
        without_password(url), UrlSource("DATABASE_URL", None, (str(tmp_path / ".env"),))
    )
    before = store.digest(host)
    store.backup(host, str(tmp_path / "b.dump"))
    with store.scratch(host, str(tmp_path / "s")) as copy:
        assert copy.digest(host) == before
    postgres.psql('DELETE FROM extra."odd name"', database=made)
    store.restore(host, str(tmp_path / "b.dump"), str(tmp_path / "keep"))
    assert store.digest(host) == before
    said = "SELECT datconnlimit, (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(datacl) a) FROM pg_database WHERE datname = "
    kept = json.loads((tmp_path / "keep/replaced.json").read_text())["database"]
    assert postgres.psql(f"{said}'{made}'") == postgres.psql(f"{said}'{kept}'")


def test_killed_restore_leaves_the_old_one_and_what_was_made_is_dropped(
    store: PostgresStore, host: LocalHost, postgres: Cluster, tmp_path: Path
) -> None:
    """Killed right before the exchange: the name of what would be kept is noted, and nothing is called so."""
    store.backup(host, str(tmp_path / "b.dump"))
    before = store.digest(host)
    code = (
        "import os, sys, json\n"
        "def witness(event, args):\n"
        "    if event == 'os.rename' and 'replaced.json' in str(args[1]): os.kill(os.getpid(), 9)\n"
        "from unstale import codec\n"
        "from unstale.local import LocalHost\n"
        "from unstale.stores.postgres import PostgresStore\n"
        "store = codec.decode(PostgresStore, json.loads(sys.argv[1]))\n"
        "sys.addaudithook(witness)\n"
        "store.restore(LocalHost(changing=True), sys.argv[2], sys.argv[3])\n"
    )
    words = [json.dumps(codec.encode(store)), str(tmp_path / "b.dump"), str(tmp_path / "keep")]
    done = subprocess.run([sys.executable, "-c", code, *words], check=False)
    assert done.returncode == -9
    assert "_new_" in postgres.psql("SELECT datname FROM pg_database")
    assert store.digest(host) == before
    assert not store.replaced(host, str(tmp_path / "keep"))
    store.put_back(host, str(tmp_path / "keep"), str(tmp_path / "keep2"))
    assert "_new_" not in postgres.psql("SELECT datname FROM pg_database")
    store.restore(host, str(tmp_path / "b.dump"), str(tmp_path / "keep"))
    assert store.replaced(host, str(tmp_path / "keep"))


def test_check_that_a_restore_spells_otherwise_is_the_same_schema(
    store: PostgresStore, host: LocalHost, postgres: Cluster, name: str, tmp_path: Path
) -> None:
    postgres.psql(
        "ALTER TABLE \"User\" ADD CONSTRAINT k CHECK (email IN ('a', 'b') OR (length(email) > 0 AND (email <> 'x')))",
        database=name,
    )
    with store.scratch(host, str(tmp_path / "s")) as copy:
        assert copy.definitions(host) != store.definitions(host)
        assert copy.fingerprint(host) == store.fingerprint(host)
        assert copy.digest(host) == store.digest(host)
