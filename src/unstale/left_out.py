"""What a reset leaves to a person of the migrations, and why: none is passed over in silence."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from unstale.action import Edit
from unstale.fact import Facts
from unstale.facts.database_urls import foreign
from unstale.facts.migrations import History, MigrationHistories
from unstale.facts.sqlite import DatabaseFile, Databases

_DJANGO = "run the migrations of Django, if any are pending: reset does not know them"


@dataclass(frozen=True, slots=True)
class Left:
    """What is a person's to do. `wrong`: the project itself has to be mended, and is not fresh before."""

    edit: Edit
    wrong: bool = False


def left_out(facts: Facts) -> tuple[Left, ...]:
    """Return the migrations that reset does not run though it is to migrate."""
    histories, databases = facts.maybe(MigrationHistories), facts.maybe(Databases)
    found = [
        each
        for history in (histories.histories if histories else ())
        for each in _of(facts, history, databases.of(history.backend) if databases else ())
    ]
    return (*found, *_django(facts))


def _of(facts: Facts, history: History, files: tuple[DatabaseFile, ...]) -> Iterator[Left]:
    for path in history.unread:
        what = f"mend {facts.project.relative(path)}: it is no valid script, so no migration is run"
        check = f"python -m py_compile {shlex.quote(path)}"
        yield Left(Edit(what, (check, "unstale db migrate")), wrong=True)
    if history.unread or any(each.size for each in files):
        return
    if files:
        what = f"begin {facts.project.relative(files[0].path)}: it holds nothing to migrate"
        yield Left(Edit(what, ("unstale reset --only database --fresh-db",)))
        return
    config = facts.project.relative(history.config)
    if any(foreign(each.url) for each in facts.project.databases):
        what = f"migrate the database of {config}: reset migrates SQLite alone"
        yield Left(Edit(what, ("unstale db migrate",)))
    else:
        what = f"name the database of {config}: none is known, so no migration is run"
        yield Left(Edit(what, ("unstale.toml:", "[database]", 'url = "sqlite:///…"')))


def _django(facts: Facts) -> Iterator[Left]:
    for each in facts.project.backends:
        if each.kind == "django":
            command = (
                f"cd {shlex.quote(str(each.path))} && {each.python or 'python'} manage.py migrate"
            )
            yield Left(
                Edit(
                    "migrate the database of Django, whose migrations are not looked at", (command,)
                )
            )
