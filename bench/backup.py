"""How long a verified backup of a SQLite database of 1 GB takes, and how much memory, beside SQLite's own two ways.

python -m bench.backup [GB]: makes the database in a temporary directory, takes each way three times in turn, and prints
the medians. Ours counts rows on both sides, runs quick_check, hashes the file and syncs it; the others do none of it.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

RUNS = 3
OURS = (
    "import sys; from unstale.local import LocalHost; from unstale.stores.sqlite import SqliteStore; "
    "SqliteStore(sys.argv[1]).backup(LocalHost(changing=True), sys.argv[2])"
)
COPY = "import sys; from unstale import sqlite_hands; sqlite_hands.backup(sys.argv[1], sys.argv[2])"


def main() -> int:
    """Measure and print the table."""
    size = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as scratch:
        source = Path(scratch) / "app.db"
        rows = make(source, int(size * 1e9))
        ways = {
            "unstale db backup (copy, verify, hash, note)": [sys.executable, "-c", OURS],
            "of it: copy, quick_check, row counts, fsync": [sys.executable, "-c", COPY],
            "sqlite3 .backup": ["sqlite3", "{source}", ".backup {target}"],
            "sqlite3 VACUUM INTO": ["sqlite3", "{source}", "VACUUM INTO '{target}'"],
        }
        took: dict[str, list[tuple[float, int]]] = {name: [] for name in ways}
        for _ in range(RUNS):
            for name, argv in ways.items():
                took[name].append(run(argv, source, Path(scratch) / "copy.db"))
        print(f"{source.stat().st_size / 1e9:.2f} GB, {rows} rows, SQLite {sqlite3.sqlite_version}")
        for line in table(took):
            print(line)
    return 0


def make(path: Path, size: int) -> int:
    """Write a database of about that many bytes: a wide table with an index; return its rows."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, author INTEGER, text TEXT)")
        connection.execute("CREATE INDEX ix_author ON note (author)")
        rows = size // 1_020
        step = 20_000
        for start in range(0, rows, step):
            with connection:
                connection.executemany(
                    "INSERT INTO note (author, text) VALUES (?, hex(randomblob(490)))",
                    [(each % 997,) for each in range(start, min(start + step, rows))],
                )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return rows


def run(argv: list[str], source: Path, target: Path) -> tuple[float, int]:
    """Return the seconds and the peak resident bytes of one way."""
    for each in (target, Path(f"{target}.json")):
        each.unlink(missing_ok=True)
    words = [each.format(source=source, target=target) if "{" in each else each for each in argv]
    words += [str(source), str(target)] if argv[0] == sys.executable else []
    began = time.monotonic()
    pid = os.posix_spawnp(words[0], words, os.environ)
    _, status, used = os.wait4(pid, 0)
    assert status == 0, words
    return time.monotonic() - began, used.ru_maxrss * 1024


def table(took: dict[str, list[tuple[float, int]]]) -> Iterator[str]:
    """Yield the medians as Markdown."""
    yield "| way | s | peak MB |"
    yield "|---|---|---|"
    for name, runs in took.items():
        seconds = statistics.median(each for each, _ in runs)
        memory = statistics.median(each for _, each in runs)
        yield f"| {name} | {seconds:.1f} | {memory / 1e6:.0f} |"


if __name__ == "__main__":
    sys.exit(main())
