"""The lint's rules on how the scripts are kept and run: each a pure function of the case."""

from __future__ import annotations

import re
from collections.abc import Iterator

from unstale.migration.case import Case, Remark

_COMMIT = re.compile(r"\s*(?:COMMIT|END|VACUUM)\b", re.IGNORECASE)
_SAFE_ENV = (r"transactional_ddl\s*=\s*True", r"isolation_level\b.*\bNone\b", r"\bBEGIN\b")


def commits(case: Case) -> Iterator[Remark]:
    """S1: what commits by itself is not taken back by a failure after it."""
    for script in case.scripts:
        lines = {*script.commits, *(text.line for text in script.texts if _COMMIT.match(text.sql))}
        for line in sorted(lines):
            words = "commits by itself: after a failure or a kill what came before stays; the proof decides"
            yield Remark(
                "S1", "risk" if case.kind == "sqlite" else "note", script.path, line, words
            )


def unsafe_environment(case: Case) -> Iterator[Remark]:
    """S1: on SQLite alembic by hand leaves half a schema after a kill, unless env.py sees to it."""
    if case.kind == "sqlite" and not all(re.search(each, case.env) for each in _SAFE_ENV):
        words = "not crash-safe when alembic runs by hand; unstale makes its own runs safe"
        yield Remark("S1", "note", case.env_path, 0, words)


def step_by_step(case: Case) -> Iterator[Remark]:
    """S1: with a transaction for each revision a kill leaves whole revisions, and no more."""
    if len(case.scripts) > 1 and re.search(r"transaction_per_migration\s*=\s*True", case.env):
        words = (
            "commits after each revision: a kill leaves whole ones, and running it again goes on"
        )
        yield Remark("S1", "note", case.env_path, 0, words)


def history(case: Case) -> Iterator[Remark]:
    """G1: several heads, and scripts that are no longer what was applied."""
    if len(case.heads) > 1:
        yield Remark(
            "G1",
            "risk",
            case.config,
            0,
            f"several heads ({', '.join(case.heads)}): alembic merge heads",
        )
    for path in case.edited:
        yield Remark(
            "G1",
            "risk",
            path,
            0,
            "edited after it was applied: the database holds what it said before",
        )


def one_way(case: Case) -> Iterator[Remark]:
    """G2: no downgrade. unstale's undo needs none, other tools do."""
    for script in case.scripts:
        if not script.reverse and (script.operations or script.texts):
            yield Remark("G2", "note", script.path, 0, "no downgrade: the way back is the backup")


def borrowed(case: Case) -> Iterator[Remark]:
    """G3: a script that imports the app's models means something else when they change."""
    for script in case.scripts:
        for module, line in script.imports:
            if module.partition(".")[0] in case.own:
                yield Remark(
                    "G3",
                    "note",
                    script.path,
                    line,
                    f"imports {module}: it means something else once that changes",
                )


HISTORY = (commits, unsafe_environment, step_by_step, history, one_way, borrowed)
