from __future__ import annotations

from pathlib import Path

import pytest

from unstale.facts.database_urls import foreign, relative, sqlite_file
from unstale.facts.revision import revision_of


@pytest.mark.parametrize(
    ("source", "down"),
    [
        ('revision = "b"\ndown_revision = "a"\n', ("a",)),
        ('revision: str = "b"\ndown_revision: str | None = None\n', ()),
        ('revision = "b"\ndown_revision: tuple[str, ...] = ("a", "c")\n', ("a", "c")),
        ('from x import y\nrevision = "b"\ny.revision = 3\ndown_revision = ["a"]\n', ("a",)),
    ],
)
def test_parents_in_every_spelling(source: str, down: tuple[str, ...]) -> None:
    found = revision_of("b.py", source.encode())
    assert found is not None
    assert (found.id, found.down) == ("b", down)


def test_module_without_a_revision_is_no_script() -> None:
    assert revision_of("helpers.py", b"def upgrade(): ...\n") is None


def test_computed_revision_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="malformed"):
        revision_of("b.py", b"revision = make()\n")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///./app.db", "/srv/app.db"),
        ("sqlite:///../data/app.db", "/data/app.db"),
        ("sqlite+aiosqlite:///app.db?timeout=5", "/srv/app.db"),
        ("sqlite:////var/lib/app.db", "/var/lib/app.db"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("sqlite:///file::memory:?cache=shared", None),
        ("sqlite:///{BASE_DIR}/app.db", None),
        ("sqlite:///%(here)s/app.db", None),
        ("sqlite:///$HOME/app.db", None),
        ("postgresql://db/app", None),
    ],
)
def test_url_to_file(url: str, path: str | None) -> None:
    assert sqlite_file(url, Path("/srv")) == (Path(path) if path else None)


def test_kinds_of_url() -> None:
    assert relative("sqlite:///app.db")
    assert not relative("sqlite:////app.db")
    assert foreign("postgresql+psycopg://db/app")
    assert not foreign("sqlite:///app.db")
