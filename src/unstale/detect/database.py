"""Databases by their URLs, and the histories of their migrations."""

from __future__ import annotations

import configparser
import io
import re
from contextlib import suppress
from pathlib import Path

from unstale.detect.files import Files
from unstale.project import Backend, DatabaseUrl, Migrations
from unstale.redact import without_password
from unstale.settings import Settings

_SQLITE_LITERAL = re.compile(r"[\"'](sqlite(?:\+\w+)?:///[^\"'\n]+)[\"']")
_TEMPLATE = re.compile(r"[{$]|%\(")
URL_KEY = re.compile(
    r"(?:\w+_)?(?:DATABASE|DB)_UR[LI]|SQLALCHEMY_DATABASE_URI",
    re.IGNORECASE,  # pydantic-settings reads them so
)


def databases(files: Files, settings: Settings, backends: tuple[Backend, ...]) -> list[DatabaseUrl]:
    """Return the configured URLs: of the settings, else of each back end's .env, else of its source."""
    if "url" in settings.database:
        url = without_password(str(settings.database["url"]))
        owner = backends[0].path if backends else None
        return [DatabaseUrl(url, f"{settings.source} [database] url", owner)]
    found = []
    for backend in backends:
        found += _from_env(backend, files) or _from_source(backend, files)
    return found


def migrations(files: Files, settings: Settings) -> list[Migrations]:
    """Return the histories of the named alembic.ini, else of each that is found."""
    named = settings.database.get("migrations")
    paths = [files.root / str(named)] if named else files.named("alembic.ini")
    return [found for path in paths if (found := _alembic(path, files)) is not None]


def _from_env(backend: Backend, files: Files) -> list[DatabaseUrl]:
    for path in backend.env_files:
        text = files.text(path)
        named = _assignments(text) if URL_KEY.search(text) else {}
        if named:
            key = min(named, key=len)  # of several the plain one: TEST_DATABASE_URL is of another
            return [DatabaseUrl(without_password(named[key]), f"{path} {key}", backend.path)]
    return []


def _assignments(text: str) -> dict[str, str]:
    """Return the URLs that a dotenv file sets, by key."""
    from dotenv.parser import parse_stream  # noqa: PLC0415 - only a file that names a database pays for it

    found = parse_stream(io.StringIO(text))
    return {
        each.key: each.value
        for each in found
        if each.key and each.value and URL_KEY.fullmatch(each.key)
    }


def _from_source(backend: Backend, files: Files) -> list[DatabaseUrl]:
    if backend.kind == "django":
        return _from_django(backend, files)
    template: list[DatabaseUrl] = []
    for path in files.sources(backend.path):
        for match in _SQLITE_LITERAL.finditer(files.text(path)):
            found = [DatabaseUrl(match[1], str(path), backend.path)]
            if not _TEMPLATE.search(match[1]):
                return found
            template = template or found  # an env.py's f"sqlite:///{…}" says less than any other
    return template


def _from_django(backend: Backend, files: Files) -> list[DatabaseUrl]:
    source = backend.path / (backend.app or "").replace(".", "/")
    match = re.search(
        r"BASE_DIR\s*/\s*[\"']([\w.]+\.sqlite3)[\"']", files.text(source.with_suffix(".py"))
    )
    return (
        [DatabaseUrl(f"sqlite:///{backend.path / match[1]}", f"{source}.py", backend.path)]
        if match
        else []
    )


def _alembic(config: Path, files: Files) -> Migrations | None:
    text = files.text(config)
    if not _sections(text):
        return Migrations("alembic", config, ())
    location = re.search(r"^script_location\s*=\s*(.+)$", text, re.MULTILINE)
    if location is None:
        return None
    scripts = (
        config.parent / location[1].strip().replace("%(here)s", str(config.parent))
    ).resolve()
    versions = re.search(r"^version_locations\s*=\s*(.+)$", text, re.MULTILINE)
    places = (
        versions[1].replace("%(here)s", str(config.parent)).split()
        if versions
        else [str(scripts / "versions")]
    )
    return Migrations(
        "alembic", config, tuple((config.parent / place).resolve() for place in places)
    )


def _sections(text: str) -> list[str]:
    parser = configparser.RawConfigParser()  # what alembic reads it with
    with suppress(configparser.Error):
        parser.read_string(text)
        return parser.sections()
    return []
