"""The lint: what each rule says, and above all where it is silent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unstale.migration.case import Case, Rehearsed
from unstale.migration.lint import lint
from unstale.migration.record import recorded
from unstale.migration.script import script_of
from unstale.store import Piece

SAFE = "isolation_level = None; transactional_ddl=True; BEGIN IMMEDIATE"
HEAD = """'''Add a thing

Revision ID: b2
'''
import sqlalchemy as sa
from alembic import op
revision = "b2"
down_revision = "a1"


def upgrade():
"""
BACK = "\n\ndef downgrade():\n    op.drop_table('x')\n"


def case(
    body: str, *, kind: str = "sqlite", rows: dict[str, int] | None = None, **more: object
) -> Case:
    """Return the case of one script; with `rows` as after a rehearsal that passed."""
    text = HEAD + "".join(f"    {line}\n" for line in body.splitlines()) + BACK
    made = Case(
        kind, (script_of("b2", "b.py", text.encode()),), ("b2",), "alembic.ini", "env.py", SAFE
    )
    if rows is not None:
        more = {"rehearsed": rehearsed(rows), **more}
    return replace(made, **more)  # type: ignore[arg-type]


def rehearsed(rows: dict[str, int], log: bytes = b'{"event": "done"}', **more: object) -> Rehearsed:
    made = Rehearsed(recorded(log, "sqlite"), (), (), (), rows, rows, (), ("b2",))
    return replace(made, **more)  # type: ignore[arg-type]


def codes(made: Case) -> list[str]:
    return [each.code for each in lint(made)]


def test_remark_names_file_and_line() -> None:
    (found,) = lint(case("pass\nop.drop_column('note', 'text')"))
    assert (found.code, found.severity, found.place) == ("D1", "risk", "b.py:13")
    assert "note.text" in found.words


FIRES = [
    ("D1", "op.drop_table('note')", {}),
    ("D1", "with op.batch_alter_table('note') as batch:\n    batch.drop_column('text')", {}),
    ("D1", "op.execute('ALTER TABLE note DROP COLUMN text')", {}),
    ("D2", "op.rename_table('note', 'memo')", {}),
    ("D2", "op.alter_column('note', 'text', new_column_name='body')", {}),
    ("D2", "op.execute(sa.text('alter table note rename column a to b'))", {}),
    ("D3", "op.create_unique_constraint('uq', 'note', ['text'])", {}),
    ("D3", "op.create_index('ix', 'note', ['text'], unique=True)", {"rows": {"note": 3}}),
    ("D3", "op.alter_column('note', 'text', nullable=False)", {}),
    ("D4", "op.add_column('note', sa.Column('a', sa.Integer, nullable=False))", {}),
    ("D5", "op.execute('UPDATE note SET text = 1')", {}),
    ("D5", "op.execute('DELETE FROM note')", {"rows": {"note": 3}}),
    ("D5", "op.execute(sa.table('note').update().values(text='x'))", {}),
    (
        "D6",
        "op.add_column('note', sa.Column('a', sa.Integer))\nop.execute('UPDATE note SET a = 1')",
        {"kind": "postgresql", "rows": {"note": 20_000}},
    ),
    (
        "L1",
        "op.create_index('ix', 'note', ['text'])",
        {"kind": "postgresql", "rows": {"note": 20_000}},
    ),
    (
        "L2",
        "op.create_foreign_key('fk', 'note', 'person', ['p'], ['id'])",
        {"kind": "postgresql", "rows": {"note": 20_000}},
    ),
    (
        "L3",
        "op.alter_column('note', 'text', type_=sa.Integer())",
        {"kind": "postgresql", "rows": {"note": 20_000}},
    ),
    ("S1", "with op.get_context().autocommit_block():\n    op.execute('VACUUM')", {}),
    ("S1", "op.get_bind().commit()", {}),
    ("S1", "op.create_table('x')", {"env": "context.configure()"}),
    ("G1", "op.create_table('x')", {"heads": ("b2", "c3")}),
    ("G1", "op.create_table('x')", {"edited": ("a.py",)}),
    ("G3", "from app.models import Note", {"own": frozenset({"app"})}),
]


@pytest.mark.parametrize(("code", "body", "more"), FIRES)
def test_rule_speaks(code: str, body: str, more: dict[str, object]) -> None:
    assert code in codes(case(body, **more))  # type: ignore[arg-type]


SILENT = [
    ("op.add_column('note', sa.Column('a', sa.Integer))", {}),
    ("op.add_column('note', sa.Column('a', sa.Integer, nullable=False, server_default='0'))", {}),
    ("op.add_column('note', sa.Column('a', sa.Integer, nullable=False))", {"rows": {"note": 0}}),
    ("op.create_table('note')\nop.create_index('ix', 'note', ['a'], unique=True)", {}),
    ("op.create_table('note')\nop.execute('DELETE FROM note')", {}),
    ("op.create_table('tmp')\nop.drop_table('tmp')", {}),
    ("op.create_index('ix', 'note', ['a'])", {}),
    ("op.create_unique_constraint('uq', 'note', ['a'])", {"rows": {"note": 0}}),
    ("op.execute('UPDATE note SET a = 1 WHERE a IS NULL')", {}),
    ("op.execute(sa.table('note').update().where(True).values(a=1))", {}),
    ("op.add_column('note', sa.Column('a', sa.Integer))\nop.execute('UPDATE note SET a = 1')", {}),
    ("op.execute('UPDATE note SET text = 1')", {"rows": {"note": 0}}),
    ("op.create_index('ix', 'note', ['a'])", {"kind": "postgresql", "rows": {"note": 900}}),
    (
        "if True:\n    op.create_index('ix', 'note', ['a'], postgresql_concurrently=True)",
        {"kind": "postgresql", "rows": {"note": 20_000}},
    ),
    (
        "op.create_check_constraint('ck', 'new', 'a > 0', postgresql_not_valid=True)",
        {"kind": "postgresql", "rows": {"new": 0}},
    ),
    ("op.add_column('note', sa.Column('a', sa.Integer))", {"kind": "postgresql", "env": "plain"}),
    ("import datetime\nop.create_table('x')", {"own": frozenset({"app"})}),
    ("op.create_table('x')", {"budget": 5.0, "rows": {}}),
]


@pytest.mark.parametrize(("body", "more"), SILENT)
def test_rule_is_silent(body: str, more: dict[str, object]) -> None:
    assert codes(case(body, **more)) == []  # type: ignore[arg-type]


def test_script_without_downgrade_is_noted_and_an_empty_merge_is_not() -> None:
    bare = script_of(
        "b2", "b.py", HEAD.encode() + b"    op.create_table('x')\n\ndef downgrade():\n    pass\n"
    )
    merge = script_of("m", "m.py", HEAD.encode() + b"    pass\n\ndef downgrade():\n    pass\n")
    made = case("pass")
    assert codes(replace(made, scripts=(bare,))) == ["G2"]
    assert codes(replace(made, scripts=(merge,))) == []
    assert bare.message == "Add a thing"


def test_not_null_that_was_there_before_is_no_new_demand() -> None:
    was = (Piece("note", "column", "text", "VARCHAR NOT NULL"),)
    made = case(
        "with op.batch_alter_table('note') as b:\n    b.alter_column('text', nullable=False)"
    )
    assert codes(replace(made, rehearsed=rehearsed({"note": 9}, before=was))) == []
    assert codes(replace(made, rehearsed=rehearsed({"note": 9}))) == ["D3"]


REBUILD = b"""{"event": "begin", "at": 1.0, "conn": 1}
{"event": "statement", "at": 1.0, "took": 2.9, "conn": 1, "sql": "INSERT INTO _alembic_tmp_note (id) SELECT id FROM note", "rows": 1, "auto": false, "where": ["b.py", 12]}
{"event": "statement", "at": 4.0, "took": 0.1, "conn": 1, "sql": "ALTER TABLE _alembic_tmp_note RENAME TO note", "rows": -1, "auto": false, "where": ["b.py", 11]}
{"event": "commit", "at": 4.5, "took": 0.5, "conn": 1}
{"event": "done"}
"""


def test_rebuild_that_loses_a_check_a_trigger_and_a_collation_is_named() -> None:
    before = (
        Piece("note", "check", "positive", "a > 0"),
        Piece("note", "trigger", "touch", "create trigger touch"),
        Piece("note", "index", "ix", "create index ix"),
        Piece("note", "column", "text", "VARCHAR COLLATE nocase"),
    )
    after = (
        Piece("note", "index", "ix", "create index ix"),
        Piece("note", "column", "text", "VARCHAR"),
    )
    made = case(
        "with op.batch_alter_table('note') as b:\n    b.add_column(sa.Column('a', sa.Integer))"
    )
    found = lint(
        replace(made, rehearsed=rehearsed({"note": 9}, REBUILD, before=before, after=after))
    )
    words = " / ".join(each.words for each in found)
    assert [each.code for each in found] == ["S3", "S3", "S3"]
    assert {each.place for each in found} == {"b.py:11"}
    assert "check positive" in words
    assert "trigger touch" in words
    assert "COLLATE of text" in words


def test_what_the_script_drops_itself_and_a_reworded_check_are_no_loss() -> None:
    before = (
        Piece("note", "check", "ck", "a > 0"),
        Piece("note", "index", "ix", "create index ix"),
    )
    after = (Piece("note", "check", "ck", "( a > 0 )"),)
    made = case("with op.batch_alter_table('note') as b:\n    b.drop_index('ix')")
    seen = rehearsed({"note": 9}, REBUILD, before=before, after=after)
    assert codes(replace(made, rehearsed=seen)) == []


def test_lock_that_outlasts_the_app_stops_at_the_statement_that_takes_longest() -> None:
    made = replace(case("pass"), rehearsed=rehearsed({"note": 9}, REBUILD), budget=5.0)
    (found,) = lint(made)
    assert (found.code, found.severity, found.place) == ("S2", "stop", "b.py:12")
    assert "4.0 s" in found.words
    assert codes(replace(made, budget=6.0)) == []
    assert codes(replace(made, budget=None)) == []


def test_rows_that_vanish_are_named() -> None:
    seen = replace(rehearsed({"note": 9, "x": 1}), rows_after={"note": 4, "x": 1})
    (found,) = lint(replace(case("pass"), rehearsed=seen))
    assert (found.code, found.words) == ("D3", "5 of 9 rows of note are gone after it")


def test_postgresql_locks_from_its_first_change_and_sqlite_from_its_begin() -> None:
    log = b"""{"event": "begin", "at": 1.0, "conn": 1}
{"event": "statement", "at": 2.0, "took": 0.1, "conn": 1, "sql": "SELECT 1", "rows": 1, "auto": false, "where": null}
{"event": "statement", "at": 3.0, "took": 0.1, "conn": 1, "sql": "UPDATE alembic_version SET version_num='x'", "rows": 1, "auto": false, "where": null}
{"event": "statement", "at": 4.0, "took": 0.1, "conn": 1, "sql": "ALTER TABLE a ADD b int", "rows": 1, "auto": false, "where": null}
{"event": "commit", "at": 6.0, "took": 0.5, "conn": 1}
{"event": "comm"""
    assert recorded(log, "postgresql").locked == 2.5
    assert recorded(log, "sqlite").locked == 5.5
    assert not recorded(log, "sqlite").done
