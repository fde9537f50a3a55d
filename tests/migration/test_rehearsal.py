"""The rehearsal reads the live database and changes nothing; what it cannot lead to the copy it refuses."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from unstale.action import Keep
from unstale.actions.migrated import settle
from unstale.local import LocalHost


def marks(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return what a change would change: inode, mtime and bytes of each file but the index of the WAL."""
    return {
        str(each.relative_to(root)): (
            each.stat().st_ino,
            each.stat().st_mtime_ns,
            each.read_bytes(),
        )
        for each in sorted(root.rglob("*"))
        if each.is_file() and not each.name.endswith("-shm") and ".git/" not in str(each)
    }


def test_dry_run_lints_predicts_and_changes_nothing(filled: Any) -> None:
    with closing(sqlite3.connect(filled.database)) as app:  # keeps the WAL, as a server does
        app.execute("insert into person (name) values ('in the WAL')")
        app.commit()
        assert Path(f"{filled.database}-wal").stat().st_size
        before = marks(filled.root)
        told = filled.migrate("--dry-run")
        assert marks(filled.root) == before
    assert (told["code"], told["state"], told["from"], told["to"]) == (
        1,
        "planned",
        ["aaa1"],
        ["bbb2"],
    )
    assert told["pending"][0]["message"] == "Mail addresses"
    assert told["rehearsal"]["done"]
    assert 0 < told["rehearsal"]["locked_s"] < 2
    assert {
        "sign": "+",
        "table": "person",
        "kind": "column",
        "name": "email",
        "definition": "VARCHAR(50)",
    } in told["rehearsal"]["changes"]
    assert not [each for each in filled.journal() if each["event"] == "begin"]
    left = [each for each in filled.site.state.rglob("*") if each.is_file()]
    assert left == []


def test_migration_process_never_opens_the_live_database_in_a_rehearsal(filled: Any) -> None:
    trace = filled.root.parent / "trace"
    done = subprocess.run(
        [
            *("strace", "-f", "-s", "400", "-e", "trace=openat,open,execve", "-o", str(trace)),
            *(sys.executable, "-m", "unstale", "db", "migrate", "--dry-run"),
        ],
        cwd=filled.root,
        env=filled.site.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "rehearsed on a copy" in done.stdout, done.stdout + done.stderr
    lines = trace.read_text().splitlines()
    guard = next(
        line.split()[0] for line in lines if "execve" in line and "run_migrations.py" in line
    )
    opened = [
        line for line in lines if line.startswith(f"{guard} ") and "open" in line.split("(")[0]
    ]
    assert any("/rehearsal/" in line and ".db" in line for line in opened)
    assert not [line for line in opened if f'"{filled.database}' in line or '"app.db' in line]


def test_done_migration_is_proven_journaled_and_undone(filled: Any) -> None:
    filled.write(
        "migrations/versions/b.py",
        (filled.root / "migrations/versions/b.py")
        .read_text()
        .replace('recreate="always"', "recreate='always'"),
    )
    before = filled.dump()
    done = filled.migrate("--yes")
    assert (done["code"], done["state"]) == (0, "done"), done
    outcome = next(each["data"]["outcome"] for each in filled.journal() if each["event"] == "done")
    begun = next(each for each in filled.journal() if each["event"] == "begin")
    assert (outcome["from"], outcome["to"]) == (["aaa1"], ["bbb2"])
    assert outcome["seconds"] > 0
    assert "app.db at aaa1 → bbb2 in " in filled.unstale("log").stdout
    assert begun["data"]["by"]
    assert filled.migrate("--yes")["state"] == "nothing"
    undone = filled.unstale("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert filled.dump() == before


def test_rows_that_clients_write_meanwhile_stay(filled: Any) -> None:
    filled.site.serve()  # a process of the project; without one nobody is expected to write
    stop, written = threading.Event(), [0]

    def client() -> None:
        with closing(sqlite3.connect(filled.database, timeout=30)) as db:
            while not stop.is_set():
                db.execute("insert into note (person_id, text) values (2, 'meanwhile')")
                db.commit()
                written[0] += 1
                stop.wait(0.005)

    thread = threading.Thread(target=client)
    thread.start()
    try:
        done = filled.migrate("--yes")
    finally:
        stop.set()
        thread.join()
    assert done["state"] == "done", done
    assert filled.sql("select count(*) from note where text = 'meanwhile'") == [(written[0],)]
    assert filled.sql("select version_num from alembic_version") == [("bbb2",)]


def test_undo_is_refused_when_rows_were_written_since(filled: Any) -> None:
    assert filled.migrate("--yes")["state"] == "done"
    filled.sql("insert into person (name, email) values ('new', 'x')")
    undone = filled.unstale("undo", "--yes")
    assert undone.returncode == 2
    assert "of person" in undone.stderr


def test_async_template_is_rehearsed_and_migrated(shop: Callable[..., Any]) -> None:
    made = shop("async", url="sqlite+aiosqlite:///./app.db")
    done = made.migrate("--yes")
    assert done["state"] == "done", done
    assert done["rehearsal"]["statements"] > 3


def test_secrets_never_come_out(filled: Any, second: str) -> None:
    literal = second + "    op.execute(\"insert into nowhere values ('canary-Literal-1')\")\n"
    insert = "sa.text('insert into note values (:a, :a)').bindparams(a='canary-Param-2')"
    for script in (second, literal, second + f"    op.execute({insert})\n"):
        filled.write("migrations/versions/b.py", script)
        forms = ((), ("--format", "json"))
        texts = [filled.unstale("db", "migrate", "--dry-run", *more).stdout for more in forms]
        ran = filled.unstale("db", "migrate", "--yes")
        texts += [ran.stdout, ran.stderr, filled.unstale("log").stdout]
        texts += [each.read_text() for each in filled.site.state.rglob("*.json*")]
        assert "canary" not in " ".join(texts)
        if script is second:
            assert filled.unstale("undo", "--yes").returncode == 0
        else:
            assert ran.returncode == 1


REFUSED = {
    "another database": ("sqlite3.connect('other.db')", "other.db"),
    "a program": (
        "subprocess.run(['sqlite3', 'app.db', 'drop table note'])",
        "starts no other program",
    ),
    "the C module": ("_sqlite3.connect('app.db').execute('drop table note')", "app.db"),
    "an attached file": ("op.execute(\"attach 'app.db' as live\")", "not authorized"),
    "its bytes": ("open('app.db', 'r+b').truncate(0)", "does not write"),
}


@pytest.mark.parametrize("way", REFUSED)
def test_way_round_the_copy_is_refused(filled: Any, second: str, way: str) -> None:
    code, words = REFUSED[way]
    script = "import sqlite3, _sqlite3, subprocess\n" + second + f"    {code}\n"
    filled.write("migrations/versions/b.py", script)
    before = marks(filled.root)
    told = filled.migrate("--dry-run")
    assert told["state"] == "failed"
    assert words in told["note"]
    assert marks(filled.root) == before


def test_uri_and_raw_connections_reach_the_copy(filled: Any, second: str) -> None:
    script = "import sqlite3\n" + second.replace(
        "def upgrade():\n",
        "def upgrade():\n"
        "    for name, uri in (('file:app.db?mode=rw', True), ('./app.db', False)):\n"
        "        with sqlite3.connect(name, timeout=0, uri=uri) as raw:\n"
        "            assert raw.execute('select count(*) from person').fetchone() == (4,)\n",
    )
    filled.write("migrations/versions/b.py", script)
    assert filled.migrate("--dry-run")["state"] == "planned"


def test_env_that_opens_another_database_is_not_gone_on_with(filled: Any) -> None:
    ini = (filled.root / "alembic.ini").read_text()
    filled.write("alembic.ini", ini.replace("sqlite:///./app.db", "sqlite:///./other.db"))
    done = filled.unstale("db", "migrate", "--yes")
    assert done.returncode == 2
    assert "other.db" in done.stderr
    assert not (filled.root / "other.db").exists()
    assert "email" not in " ".join(filled.dump())


def test_lock_that_outlasts_the_app_is_refused_and_anyway_goes_on(filled: Any, second: str) -> None:
    filled.site.serve()
    slow = second.replace(
        "def upgrade():\n",
        "def upgrade():\n    import time\n    op.execute('delete from note where id = 0')\n    time.sleep(0.2)\n",
    )
    filled.write("migrations/versions/b.py", slow)
    filled.write(
        "unstale.toml",
        (filled.root / "unstale.toml").read_text().replace("app.db", "app.db?timeout=0.2"),
    )
    with closing(sqlite3.connect(filled.database)):
        told = filled.migrate("--yes")
        assert (told["code"], told["state"], told["budget_s"]) == (2, "refused", 0.2)
        assert told["lint"][0]["code"] == "S2"
        fixed = filled.unstale("fix", "SCH001", "--yes")
        assert fixed.returncode == 1
        assert "writes would be lost" in fixed.stdout
        assert "email" not in " ".join(filled.dump())
        assert filled.migrate("--yes", "--anyway")["state"] == "done"


def test_several_heads_and_a_target(filled: Any, second: str) -> None:
    other = second.replace("bbb2", "ccc3").replace("person", "note")
    filled.write(
        "migrations/versions/c.py",
        other[: other.index("    with")]
        + "    op.add_column('note', sa.Column('a', sa.Integer))\n",
    )
    told = filled.migrate("--dry-run")
    assert "G1" in [each["code"] for each in told["lint"]]
    assert told["to"] == ["bbb2", "ccc3"]
    part = filled.migrate("--to", "ccc", "--yes")
    assert (part["state"], part["to"]) == ("done", ["ccc3"]), part
    assert filled.sql("select version_num from alembic_version") == [("ccc3",)]
    assert filled.migrate("--yes")["state"] == "done"
    assert filled.unstale("db", "migrate", "--to", "zzz").returncode == 2


def test_script_that_was_edited_after_it_was_applied_is_named(filled: Any, second: str) -> None:
    assert filled.migrate("--yes")["state"] == "done"
    filled.write("migrations/versions/b.py", second.replace("String(50)", "String(60)"))
    filled.write(
        "migrations/versions/c.py",
        "from alembic import op\nrevision = 'ccc3'\ndown_revision = 'bbb2'\n\n\ndef upgrade():\n    op.create_table('c')\n",
    )
    told = filled.migrate("--dry-run")
    assert [each["path"] for each in told["lint"] if each["code"] == "G1"] == [
        str(filled.root / "migrations/versions/b.py")
    ]


def test_tables_without_a_revision_are_left_to_adopt(filled: Any) -> None:
    filled.sql("drop table alembic_version")
    done = filled.unstale("db", "migrate", "--yes")
    assert done.returncode == 2
    assert "unstale db adopt" in done.stderr


def test_consent_is_needed(filled: Any) -> None:
    before = filled.dump()
    done = filled.unstale("db", "migrate")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert filled.dump() == before


def test_killed_unstale_takes_the_migration_with_it_and_the_retry_succeeds(
    filled: Any, second: str
) -> None:
    hold = (
        "    import time, pathlib\n"
        "    runs = pathlib.Path('runs')\n"
        "    runs.write_text((runs.read_text() if runs.exists() else '') + 'x')\n"
        "    op.execute('delete from note')\n"
        "    time.sleep(30 if runs.read_text() == 'xx' else 0)\n"
    )
    filled.write(
        "migrations/versions/b.py", second.replace("def upgrade():\n", "def upgrade():\n" + hold)
    )
    before = filled.dump()
    child = subprocess.Popen(
        [sys.executable, "-m", "unstale", "db", "migrate", "--yes"],
        cwd=filled.root,
        env=filled.site.environ(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    runs = filled.root / "runs"
    deadline = 200
    while deadline and not (runs.exists() and runs.read_text() == "xx"):
        deadline -= 1
        threading.Event().wait(0.05)
    (state,) = filled.site.state.rglob("expected.json")
    child.kill()
    child.wait()
    with closing(sqlite3.connect(filled.database, timeout=5)) as db:
        db.execute("begin immediate")  # the orphan is gone: its lock is free
        db.rollback()
    assert filled.dump() == before
    keep = Keep(state.parent, state.parent)
    assert settle(LocalHost(changing=True), keep) == "before"
    assert not (state.parent / "after.json").exists()
    done = filled.migrate("--yes")
    assert done["state"] == "done", done
    assert os.listdir(filled.site.state)


def test_run_that_was_cut_off_after_its_commit_is_noted_for_undo(filled: Any) -> None:
    before = filled.dump()
    assert filled.migrate("--yes")["state"] == "done"
    (note,) = filled.site.state.rglob("after.json")
    note.write_bytes(b"not noted")  # as a kill leaves it
    assert settle(LocalHost(changing=True), Keep(note.parent, note.parent)) == "after"
    undone = filled.unstale("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert filled.dump() == before


def test_documents_keep_the_schema(filled: Any, second: str) -> None:
    path = Path(__file__).parents[2] / "docs/schema/unstale.migration-1.json"
    valid = Draft202012Validator(json.loads(path.read_text())).validate
    documents = [filled.migrate("--dry-run"), filled.migrate("--yes"), filled.migrate("--yes")]
    filled.write("migrations/versions/c.py", second.replace("bbb2", "ccc3").replace("aaa1", "bbb2"))
    documents += [filled.migrate("--yes")]
    for each in documents:
        valid({key: value for key, value in each.items() if key not in ("stderr", "code")})
    assert [each["state"] for each in documents] == ["planned", "done", "nothing", "failed"]


def test_script_that_fills_rows_one_by_one_fills_no_record(filled: Any, second: str) -> None:
    loop = (
        "    for n in range(7000):\n        op.execute('insert into note (person_id) values (1)')\n"
    )
    filled.write("migrations/versions/b.py", second + loop)
    done = filled.migrate("--yes")
    assert done["state"] == "done", done
    assert 4900 < done["rehearsal"]["statements"] < 5100
    assert filled.sql("select count(*) from note") == [(7001,)]
