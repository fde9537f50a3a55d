"""The part of this machine's door that SQLite files go through. A looking host refuses every change."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from unstale import eyes, hands, sqlite_copy, sqlite_hands, sqlite_rows, sqlite_swap
from unstale.answers import Columns, Digest, Rows


class SqliteDoor:
    """What LocalHost does with SQLite files; `changing` as there."""

    def __init__(self, *, changing: bool = False) -> None:
        self.changing = changing

    def query_copy(
        self, path: str, statements: tuple[str, ...], *, limit: int, idle: bool = False
    ) -> tuple[Rows | None, ...]:
        return sqlite_copy.query(path, statements, limit=limit, idle=idle)

    def held_open(self, paths: tuple[str, ...]) -> AbstractContextManager[tuple[str, ...]]:
        return sqlite_hands.held_open(paths)

    def backup_database(self, source: str, target: str) -> dict[str, int]:
        self._require_changing(f"write {target}")
        hands.private(Path(target).parent)
        return sqlite_hands.backup(source, target)

    def replace_database(self, path: str, staged: str, keep: str) -> None:
        self._require_changing(f"replace {path}")
        sqlite_swap.replace(path, staged, keep)

    def query_database(self, path: str, statements: tuple[str, ...]) -> tuple[Rows | None, ...]:
        self._require_changing(f"open {path}")
        return sqlite_hands.query(path, statements)

    def digest_database(self, path: str, columns: Columns | None = None) -> Digest:
        self._require_changing(f"open {path}")
        return sqlite_rows.digest(path, columns)

    def change_database(self, path: str, statements: tuple[str, ...], unchanged: Columns) -> None:
        self._require_changing(f"change {path}")
        sqlite_rows.change(path, statements, unchanged)

    def hash(self, path: str) -> str:
        return eyes.sha256(path)

    def discard(self, path: str) -> None:
        self._require_changing(f"delete {path}")
        hands.discard(path)

    def differing_rows(self, path: str, kept: str, tables: tuple[str, ...]) -> dict[str, int]:
        from unstale import sqlite_proof  # noqa: PLC0415 - loaded when a backup is judged

        self._require_changing(f"open {path}")
        return sqlite_proof.differing(path, kept, tables)

    def database_flaw(self, path: str) -> str | None:
        from unstale import sqlite_proof  # noqa: PLC0415 - loaded when a backup is judged

        return sqlite_proof.flaw(path)

    def _require_changing(self, what: str) -> None:
        if not self.changing:
            msg = f"a looking host was asked to {what}"
            raise TypeError(msg)
