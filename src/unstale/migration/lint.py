"""All remarks on a migration, in the order of their place."""

from __future__ import annotations

from unstale.migration.case import Case, Remark
from unstale.migration.history_rules import HISTORY
from unstale.migration.rehearsed_rules import REHEARSED
from unstale.migration.script_rules import SCRIPTS

_WEIGHT = {"stop": 0, "risk": 1, "note": 2}


def lint(case: Case) -> tuple[Remark, ...]:
    """Return what there is to say, the gravest first."""
    found = {each for rule in (*SCRIPTS, *HISTORY, *REHEARSED) for each in rule(case)}
    return tuple(
        sorted(
            found,
            key=lambda each: (_WEIGHT[each.severity], each.code, each.path, each.line, each.words),
        )
    )
