"""What squawk says of the statements of a rehearsal on PostgreSQL, where it is installed (https://squawkhq.com)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from unstale.errors import Unavailable
from unstale.migration.case import Case, Remark

if TYPE_CHECKING:
    from unstale.host import Host

_ARGV = ("squawk", "--assume-in-transaction", "--reporter", "json")
_DEFINES = re.compile(r"(?:ALTER|CREATE|DROP|TRUNCATE)\b", re.IGNORECASE)  # others have parameters
_OURS = frozenset(
    {
        "adding-not-nullable-field",  # L3
        "changing-column-type",  # L3
        "constraint-missing-not-valid",  # L2
        "disallowed-unique-constraint",  # L2
        "require-concurrent-index-creation",  # L1
        "require-lock-timeout",  # a run of ours sets it
        "require-statement-timeout",  # the rehearsal says what takes long
        "syntax-error",  # the record holds no literals
    }
)


def squawks(host: Host, case: Case) -> Iterator[Remark]:
    """Yield a note for each warning of squawk that no rule of ours covers; none where it is absent or fails.

    No `.squawk.toml` is read: the statements are judged from the root directory.
    """
    if case.kind != "postgresql" or case.rehearsed is None:
        return
    told = [each for each in case.rehearsed.record.statements if _DEFINES.match(each.sql)]
    text = "".join(f"{each.sql.rstrip().rstrip(';')};\n" for each in told)
    with suppress(Unavailable, ValueError, LookupError):
        for each in json.loads(host.run(_ARGV, cwd="/", stdin=text).out):
            if each["rule_name"] not in _OURS:
                path, line = told[each["line"]].place or (case.scripts[-1].path, 0)
                words = " ".join(filter(None, (each["message"], each["help"])))
                yield Remark(f"squawk {each['rule_name']}", "note", path, line, words)
