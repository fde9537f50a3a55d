"""Two files that one relative URL leads to; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from unstale.facts.sqlite import DatabaseFile, Databases
from unstale.facts.sqlite_places import Place

if TYPE_CHECKING:
    from unstale.facts.sqlite_content import Content, DatabaseContents


@dataclass(frozen=True, slots=True)
class Twins:
    """The file that holds the data and the accidental one, each with who arrives there."""

    real: DatabaseFile
    accidental: DatabaseFile
    url: str
    source: str
    by: Place


def twins(databases: Databases, contents: DatabaseContents) -> tuple[Twins, ...]:
    """Return the pairs: one URL, two directories, both files there, one with fewer tables."""
    by_url: dict[tuple[str, str], list[DatabaseFile]] = {}
    for file in databases.files:
        for place in file.places:
            if place.relative and file.size is not None:
                files = by_url.setdefault((place.url, str(place.backend)), [])
                files += [file] if file not in files else []
    found = []
    for (url, _), files in by_url.items():
        ranked = sorted(files, key=lambda file: _tables(contents.of(file.path)), reverse=True)
        for other in ranked[1:]:
            if _tables(contents.of(other.path)) < _tables(contents.of(ranked[0].path)):
                place = next(each for each in other.places if each.url == url)
                found.append(Twins(ranked[0], other, url, place.source, place))
    return tuple(found)


def accidental(databases: Databases, contents: DatabaseContents) -> frozenset[str]:
    """Return the paths of the accidental files."""
    return frozenset(each.accidental.path for each in twins(databases, contents))


def _tables(content: Content | None) -> int:
    return len(content.tables) if content is not None and not content.error else 0
