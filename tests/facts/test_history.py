"""What git says was checked out at a moment, from reflogs made for the test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from unstale.facts.history import History
from unstale.host import Ran, Stat

FIRST, SECOND = ("1" * 40, "2" * 40)
TEXTS = {FIRST: "one", SECOND: "two"}


@dataclass(frozen=True)
class Log:
    """A host that holds one reflog, written at `written`, and answers `git show` with the commit's text."""

    moves: tuple[tuple[int, str], ...]
    written: float

    def run(self, argv: tuple[str, ...], **how: Any) -> Ran:
        if "show" not in argv:
            return Ran(argv, 0, "/site/.git/logs/HEAD\n", "")
        return Ran(argv, 0, TEXTS[argv[-1].partition(":")[0]], "")

    def read(self, path: str) -> bytes:
        lines = [
            f"{'0' * 40} {commit} t <t@t> {when} +0000\tcommit\n" for when, commit in self.moves
        ]
        return "".join(lines).encode()

    def stat(self, path: str) -> Stat:
        return Stat("file", 0, round(self.written * 1e9), 0, 0, 0, 0, 0, 1)


def content(moves: tuple[tuple[int, str], ...], written: float, moment: float) -> str | None:
    history = History(Log(moves, written), Path("/site"))  # type: ignore[arg-type]  # half a host
    return history.content("/site/a.py", datetime.fromtimestamp(moment, UTC))


@pytest.mark.parametrize(
    ("moment", "text"),
    [(99.0, None), (100.0, "one"), (150.0, "one"), (200.3, "one"), (200.9, "two"), (300.0, "two")],
)
def test_last_move_is_dated_by_its_file_within_the_second(moment: float, text: str | None) -> None:
    assert content(((100, FIRST), (200, SECOND)), 200.6, moment) == text


def test_log_that_was_rewritten_later_dates_nothing() -> None:
    assert content(((100, FIRST), (200, SECOND)), 900.0, 201.0) == "two"
