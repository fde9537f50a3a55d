"""Databases that create_all made and somebody changed since: each drift is named, and mended or proven harmless."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from adoption_models import (
    alembics_own_view,
    columns,
    create_all,
    filled,
    lay,
    rebuilt,
    rows,
)

from unstale.action import Keep
from unstale.actions.adopt_database import AdoptDatabase
from unstale.adoption.compare import columns_of
from unstale.adoption.models import Baseline, baseline
from unstale.adoption.prepare import Adoption, _require_short, rehearsed
from unstale.detect import find_project
from unstale.errors import Failed, Refused
from unstale.fact import Facts
from unstale.local import LocalHost
from unstale.stores.sqlite import SqliteStore

EQUAL, HARMLESS, MENDED, REFUSED = "equal", "harmless", "mended", "refused"
Change = tuple[str, ...]  # a statement, or (table, old, new) of its definition

DRIFTS: dict[str, tuple[tuple[Change, ...], str, str]] = {
    "none": ((), EQUAL, ""),
    "missing column": ((("ALTER TABLE person DROP COLUMN nick",),), MENDED, "column person.nick is missing"),
    "extra column": ((("ALTER TABLE note ADD COLUMN score INTEGER",),), HARMLESS, "column note.score is in no model"),
    "extra column with default": ((("ALTER TABLE note ADD COLUMN score INTEGER NOT NULL DEFAULT 3",),), HARMLESS, "column note.score"),
    "extra column that refuses rows": ((("note", "price FLOAT", "price FLOAT, size INTEGER NOT NULL DEFAULT 0"), ("note", "NOT NULL DEFAULT 0", "NOT NULL")), MENDED, "column note.size"),
    "type of another affinity": ((("person", "level INTEGER", "level NUMERIC"),), MENDED, "column person.level"),
    "type that changes values": ((("person", "level INTEGER", "level TEXT"),), REFUSED, "rows would no longer be what they were"),
    "type of the same affinity": ((("person", "name VARCHAR(40)", "name TEXT"),), HARMLESS, "affinity TEXT"),
    "lost NOT NULL": ((("note", "text VARCHAR NOT NULL", "text VARCHAR"),), MENDED, "column note.text"),
    "lost NOT NULL with NULLs": ((("note", "text VARCHAR NOT NULL", "text VARCHAR"), ("UPDATE note SET text = NULL WHERE id = 1",)), REFUSED, "NOT NULL constraint failed"),
    "extra NOT NULL": ((("UPDATE person SET nick = 'x'",), ("person", "nick VARCHAR", "nick VARCHAR NOT NULL")), MENDED, "column person.nick"),
    "missing index": ((("DROP INDEX ix_note_person_id",),), MENDED, "index note.ix_note_person_id is missing"),
    "extra index": ((("CREATE INDEX ix_at ON note (at)",),), HARMLESS, "index note.ix_at is in no model"),
    "extra unique index": ((("CREATE UNIQUE INDEX uq_nick ON person (nick)",),), MENDED, "index person.uq_nick is in no model"),
    "missing unique": ((("note", ", \n\tCONSTRAINT uq_note UNIQUE (person_id, text)", ""),), MENDED, "unique note is missing"),
    "missing unique with twins": ((("note", ", \n\tCONSTRAINT uq_note UNIQUE (person_id, text)", ""), ("INSERT INTO note (person_id, text, kind, at) SELECT person_id, text, kind, at FROM note WHERE id = 1",)), REFUSED, "UNIQUE constraint failed"),
    "missing foreign key": ((("note", ", \n\tFOREIGN KEY(person_id) REFERENCES person (id) ON DELETE CASCADE", ""),), MENDED, "foreign key note is missing"),
    "foreign key with orphans": ((("note", ", \n\tFOREIGN KEY(person_id) REFERENCES person (id) ON DELETE CASCADE", ""), ("UPDATE note SET person_id = 99 WHERE id = 2",)), REFUSED, "1 rows of note would refer to none"),
    "other rule of a foreign key": ((("note", " ON DELETE CASCADE", ""),), MENDED, "foreign key note"),
    "other default": ((("person", "DEFAULT '1'", "DEFAULT '2'"),), MENDED, "column person.level"),
    "same default in parentheses": (
        (("person", "DEFAULT '1'", "DEFAULT ('1')"),),
        EQUAL,  # SQLite itself leaves them out
        "",
    ),
    "missing table": ((("DROP TABLE tag",),), MENDED, "table tag is missing"),
    "extra table": ((("CREATE TABLE spare AS SELECT * FROM note",),), HARMLESS, "table spare is in no model"),
    "enum without its newest value": ((("UPDATE note SET kind = 'REQUEST'",), ("note", "'REQUEST', 'PAPER'", "'REQUEST'")), MENDED, "check note"),
    "enum with a value that is no more": ((("note", "'REQUEST', 'PAPER'", "'REQUEST', 'PAPER', 'OLD'"), ("UPDATE note SET kind = 'OLD' WHERE id = 1",)), REFUSED, "CHECK constraint failed"),
    "missing check": ((("note", ", \n\tCONSTRAINT ck_note_text CHECK (length(text) > 0)", ""),), MENDED, "check note is missing"),
    "other collation": ((("person", ' COLLATE "NOCASE"', ""),), MENDED, "column person.name"),
    "other primary key": ((("tag", "PRIMARY KEY (note_id, word)", "PRIMARY KEY (note_id)"),), MENDED, "primary key tag"),
    "trigger and view": (
        (
            ("note", "text VARCHAR NOT NULL", "text VARCHAR"),
            ("CREATE VIEW texts AS SELECT text FROM note",),
            ("CREATE TRIGGER t AFTER INSERT ON note BEGIN SELECT 1; END",),
        ),
        MENDED,
        "trigger note.t is in no model",
    ),
    "names in other case": ((("note", "price FLOAT", "PRICE FLOAT"),), HARMLESS, "names ignore case"),
}  # fmt: skip


# What alembic's autogenerate will offer though it is harmless; the reason says so.
_OFFERED = {"type of the same affinity": {"modify_type"}, "names in other case": {"add_column"}}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("adoption") / "site"
    lay(root)
    create_all(root)
    (root / "unstale.toml").write_text(
        f'[backend]\npath = "."\napp = "app.main:app"\npython = "{sys.executable}"\n'
    )
    return root


@pytest.fixture(scope="module")
def facts(site: Path) -> Iterator[Facts]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(site.parent / "state"))
        host = LocalHost(changing=True)
        yield Facts(find_project(site, host), host)


@pytest.fixture(scope="module")
def made(facts: Facts) -> Baseline:
    """The models' baseline, made once: every database here is compared with the same."""
    return baseline(facts, facts.project.backends[0], "sqlite", "a1b2c3d4e5f6")


def drifted(site: Path, path: Path, seed: int, changes: tuple[Change, ...]) -> None:
    shutil.copy(site / "app.db", path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for each in filled(seed):
            connection.execute(each)
        for change in changes:
            if len(change) == 1:
                connection.execute(change[0])
            else:
                rebuilt(connection, *change)


def adopted(facts: Facts, made: Baseline, path: Path) -> tuple[str, str, bool]:
    """Adopt as the command does; return the verdict, every word said, and whether it is stamped."""
    store = SqliteStore(str(path))
    try:
        found = rehearsed(facts, store, made, f"{path}.scratch")
    except Refused as error:
        return REFUSED, str(error), bool(store.revisions(facts.host))
    finally:
        facts.host.discard(f"{path}.scratch")
    kept = tuple(columns_of(store.schema(facts.host)).items())
    adoption = Adoption(facts.project.backends[0], found, (), "0123456789ab", kept)
    place = Keep(path.parent / "trash" / path.stem, path.parent / "kept" / path.stem)
    AdoptDatabase(store, adoption, store.fingerprint(facts.host)).apply(facts.host, place)
    verdict = MENDED if found.mends else HARMLESS if found.differences else EQUAL
    words = "\n".join(f"{each.words()} [{each.harmless}]" for each in found.differences)
    return verdict, words, store.revisions(facts.host) == ("0123456789ab",)


def test_no_drift_is_stamped_unseen_and_no_row_changes(
    site: Path, facts: Facts, made: Baseline
) -> None:
    table, wrong = [], []
    stamps: dict[str, str] = {}
    for seed, (kind, (changes, want, words)) in enumerate(DRIFTS.items()):
        path = site.parent / f"{seed}.db"
        drifted(site, path, seed, changes)
        before, had = rows(str(path)), columns(str(path))
        verdict, said, stamped = adopted(facts, made, path)
        equal = rows(str(path), had) == before
        table.append((kind, verdict, "yes" if stamped else "no", "yes" if equal else "NO"))
        if stamped:
            stamps[str(path)] = kind
        if (verdict, words in said, stamped, equal) != (want, True, want != REFUSED, True):
            wrong.append((kind, verdict, said))
    widths = [max(len(row[at]) for row in table) for at in range(4)]
    print()
    for row in [("kind", "verdict", "stamped?", "digests equal?"), *table]:
        print("  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)))
    assert not wrong
    for path, operations in json.loads(alembics_own_view(site, *stamps)).items():
        left = {each for each in operations if not each.startswith("remove_")}
        assert left == _OFFERED.get(stamps[path], set()), stamps[path]


def test_rows_that_differ_take_everything_back(site: Path, facts: Facts, made: Baseline) -> None:
    path = site.parent / "back.db"
    drifted(site, path, 1, (("ALTER TABLE person DROP COLUMN nick",),))
    store = SqliteStore(str(path))
    before, shape = store.digest(facts.host), store.fingerprint(facts.host)
    kept = columns_of(store.schema(facts.host))
    with pytest.raises(Failed, match="rows would no longer be what they were"):
        store.execute(facts.host, ("UPDATE person SET level = level + 1",), kept)
    with pytest.raises(Failed, match="rows of note would refer to none"):
        store.execute(facts.host, ("DELETE FROM person",), {"note": kept["note"]})
    with pytest.raises(Failed, match="no such table: nowhere"):
        store.execute(facts.host, ("DROP TABLE tag", "DROP TABLE nowhere"), {})
    assert (store.digest(facts.host), store.fingerprint(facts.host)) == (before, shape)


def test_adoption_that_keeps_writers_waiting_is_refused_while_somebody_writes(
    site: Path, facts: Facts
) -> None:
    path = site.parent / "busy.db"
    drifted(site, path, 1, ())
    store = SqliteStore(str(path))
    _require_short(facts, store, 60.0)  # nobody would wait
    hold = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('select 1 from note'); print(1, flush=True); sys.stdin.read()"
    argv = [sys.executable, "-c", hold, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        _require_short(facts, store, 0.2)
        with pytest.raises(Refused, match=rf"wait 60.0 s, and process {child.pid} "):
            _require_short(facts, store, 60.0)
