"""How long the app waits for a lock before it gives up: only where that is certain, else what its driver waits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

from unstale.facts.sqlite import DatabaseFile

DRIVER = 5.0  # seconds: https://docs.python.org/3/library/sqlite3.html#sqlite3.connect
_PRAGMA = re.compile(r"\bbusy_timeout\s*=\s*(\d+)", re.IGNORECASE)


def patience(file: DatabaseFile, sources: Iterable[str] = ()) -> tuple[float | None, str]:
    """Return the seconds and what says so; None where no process of the project uses the file.

    `sources` are the texts of the back end: a busy_timeout counts where there is one value and no other.
    """
    if not file.served:
        return None, "no process of the project uses it"
    for place in file.places:
        with suppress(KeyError, ValueError):
            return float(
                parse_qs(urlsplit(place.url).query)["timeout"][0]
            ), f"timeout in {place.source}"
    values = {int(each) for text in sources for each in _PRAGMA.findall(text)}
    if len(values) == 1:
        return values.pop() / 1000, "PRAGMA busy_timeout in the source"
    return DRIVER, "the driver's default"
