"""DBF007."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.action import Edit
from unstale.check import check
from unstale.facts.sqlite import DatabaseFile, Databases
from unstale.facts.sqlite_content import DatabaseContents
from unstale.facts.twins import Twins, twins
from unstale.finding import Finding, Fresh
from unstale.layer import Layer


@check("DBF007", "one relative URL leads to two databases", layer=Layer.DATABASE, since="0.1")
def relative_url_leads_to_two_databases(
    databases: Databases, contents: DatabaseContents
) -> Iterator[Finding | Fresh]:
    """A relative database URL names another file in another directory, and both files are there.

    What it proves
    One configured URL, resolved from two directories that are in use, meets two files; one has
    fewer tables.

    Why it matters
    Migrations and data go to one file, the server reads the other: "no such table", or an empty
    site.

    How it gets this way
    `sqlite:///./app.db`, with alembic run in backend/ and the server in the root. SQLite creates
    what is missing.

    How it is seen
    The URL against `/proc/PID/cwd`, the back end's path and alembic.ini's; tables counted on
    private copies.

    What is not flagged
    An absolute URL, a second directory without such a file, files of tests or of single tenants,
    equal files.

    Fix, risk and undo
    A person writes the absolute URL that is printed. Neither file is deleted or merged: both may
    hold data.
    """
    pairs = twins(databases, contents)
    for pair in pairs:
        have, want = (
            len(t.tables) if (t := contents.of(f.path)) else 0 for f in (pair.accidental, pair.real)
        )
        yield Finding(
            f"database URL {pair.url}",
            f"{pair.by.reader} comes to {pair.accidental.path}, the data is in {pair.real.path}",
            want=contents.shows(
                f"{pair.real.path} with {want} tables", f"sqlite3 {pair.real.path} .tables"
            ),
            have=contents.shows(
                f"{pair.accidental.path} with {have} tables",
                f"sqlite3 {pair.accidental.path} .tables",
            ),
            fix=Edit(f"write the absolute path into {pair.source}", _lines(pair)),
            pids=() if pair.by.pid is None else (pair.by.pid,),
            paths=(pair.accidental.path, pair.real.path),
            explains=frozenset({pair.accidental.tag, pair.real.tag}),
        )
    if not pairs:
        for file in databases.files:
            if file.size is not None and file.places:
                yield _fresh(databases, file)


def _fresh(databases: Databases, file: DatabaseFile) -> Fresh:
    url = databases.shows(file.path, file.places[0].source)
    return Fresh(
        f"database URL {file.places[0].url}", url, databases.shows(file.path, f"stat {file.path}")
    )


def _lines(pair: Twins) -> tuple[str, ...]:
    scheme = pair.url.partition(":")[0]
    return (f"- {pair.url}", f"+ {scheme}:///{pair.real.path}")
