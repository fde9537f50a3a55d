"""Finds what a project is made of by looking at its files; settings win over what is found."""

from __future__ import annotations

import ast
import configparser
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from unstale import settings as settings_file
from unstale.errors import UsageError
from unstale.host import Entry, Host
from unstale.project import Backend, DatabaseUrl, Frontend, Migrations, Project
from unstale.redact import without_password
from unstale.settings import Settings

PRUNED = (
    *(
        ".git",
        "node_modules",
        "__pycache__",
        ".unstale",
        ".venv",
        "venv",
        ".tox",
        ".nox",
        ".next",
        "site-packages",
    ),
    *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".idea", ".vscode"),
)
_ELSEWHERE = frozenset(
    {"tests", "test", "docs", "examples", "bench", "lab", "dist", "build", "fixtures", "templates"}
)
_ENTRY_NAMES = frozenset({"main.py", "app.py", "wsgi.py", "asgi.py"})
_SOURCES = 500
_ENTRY = re.compile(
    r"^(\w+)\s*(?::\s*\w+\s*)?=\s*(?:\w+\.)?(FastAPI|Starlette|Flask)\(", re.MULTILINE
)
_DJANGO_SETTINGS = re.compile(r"DJANGO_SETTINGS_MODULE[\"']\s*,\s*[\"']([\w.]+)[\"']")
_SQLITE_LITERAL = re.compile(r"[\"'](sqlite(?:\+\w+)?:///[^\"'\n]+)[\"']")
_URL_KEY = re.compile(
    r"^(?:export\s+)?((?:\w+_)?(?:DATABASE|DB)_UR[LI]|SQLALCHEMY_DATABASE_URI)\s*=\s*(.+)$",
    re.MULTILINE,
)
_MARKERS = (
    "requirements.txt",
    "pyproject.toml",
    "manage.py",
    "alembic.ini",
    "setup.py",
    "Pipfile",
    "uv.lock",
)
_COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


def find_project(start: Path, host: Host) -> Project:
    """Return the project that `start` lies in. Raises UsageError when there is none."""
    start = _resolved(start)
    try:
        if not start.is_dir():
            raise UsageError(
                what="no project here", why=f"{start} is not a directory", next="Name a directory."
            )
        root, settings = _root(start)
        entries = host.walk(str(root), PRUNED, depth=4)
        project = _project(root, settings, entries, host)
    except OSError as error:
        raise UsageError(
            what=f"cannot look at {error.filename or start}",
            why=error.strerror or str(error),
            next="Run as a user who may read it."
            if isinstance(error, PermissionError)
            else "Name a directory.",
        ) from None
    parts = (project.backends, project.frontends, project.compose, project.migrations)
    if settings.source is None and not project.git and not any(parts):
        raise UsageError(
            what="no project here",
            why=f"{start} holds no settings, no git checkout, no back end, no front end and no compose file",
            next="Go to the project, or name it: unstale check PATH",
        )
    return project


def _resolved(start: Path) -> Path:
    try:
        return start.resolve()
    except FileNotFoundError:
        raise UsageError(
            what="no project here",
            why="the directory that you stand in was deleted",
            next="Go to one that is there, or name it: unstale check -C DIR",
        ) from None
    except (OSError, RuntimeError):  # RuntimeError until Python 3.12: a symbolic link to itself
        raise UsageError(
            what="no project here",
            why=f"{start} is a symbolic link that leads back to itself",
            next="Name a directory.",
        ) from None


def _root(start: Path) -> tuple[Path, Settings]:
    for directory in (start, *start.parents):
        for name in ("unstale.toml", "pyproject.toml"):
            if (directory / name).is_file():
                found = settings_file.load(directory / name)
                if found is not None:
                    return directory, found
    for directory in (start, *start.parents):
        if (directory / ".git").exists():
            return directory, Settings()
    return start, Settings()


def _project(root: Path, settings: Settings, entries: tuple[Entry, ...], host: Host) -> Project:
    worktrees = tuple(_worktrees(root, entries, host))
    files = [
        entry.path
        for entry in entries
        if entry.kind == "file"
        and not _elsewhere(entry.path)
        and not any(map((root / entry.path).is_relative_to, worktrees))
    ]
    backends = tuple(_backends(root, settings, files, host))
    return Project(
        root=root,
        name=str(settings.project.get("name") or root.name or "root"),
        git=(root / ".git").exists() or _inside_git(root),
        backends=backends,
        frontends=tuple(_frontends(root, settings, files, host)),
        databases=tuple(_databases(root, settings, backends, files, host)),
        migrations=tuple(_migrations(root, settings, files, host)),
        compose=tuple(_compose(root, settings, files)),
        dockerfiles=tuple(root / path for path in files if _name(path).startswith("Dockerfile")),
        settings=settings,
        worktrees=worktrees,
    )


def _worktrees(root: Path, entries: tuple[Entry, ...], host: Host) -> Iterator[Path]:
    """Yield the work trees below: other checkouts of the same repository (gitrepository-layout(5), gitfile)."""
    for entry in entries:
        if _name(entry.path) == ".git" and entry.kind == "file" and "/" in entry.path:
            place = root / entry.path
            if "/worktrees/" in _text(host, place, 4096):
                yield place.parent


def _elsewhere(path: str) -> bool:
    return not _ELSEWHERE.isdisjoint(path.split("/")[:-1])


def _inside_git(root: Path) -> bool:
    return any((parent / ".git").exists() for parent in root.parents)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _sources(root: Path, place: Path, files: list[str]) -> list[Path]:
    """Return the Python files below, nearest to the top and likeliest name first; at most `_SOURCES`."""
    prefix = (
        ""
        if place == root
        else f"{place.relative_to(root)}/"
        if place.is_relative_to(root)
        else None
    )
    if prefix is None:
        return []
    found = [path for path in files if path.endswith(".py") and path.startswith(prefix)]
    found.sort(key=lambda path: (path.count("/"), _name(path) not in _ENTRY_NAMES, path))
    return [root / path for path in found[:_SOURCES]]


def _text(host: Host, path: Path, limit: int = 400_000) -> str:
    with suppress(OSError):
        return host.read(str(path), limit).decode("utf-8", "replace")
    return ""


# --- back ends


def _backends(root: Path, settings: Settings, files: list[str], host: Host) -> list[Backend]:
    if settings.backends:
        return [
            _backend(root, root / str(table.get("path", ".")), files, host, table)
            for table in settings.backends
        ]
    marked = {Path(path).parent for path in files if _name(path) in _MARKERS}
    found = [_backend(root, root / place, files, host, {}) for place in sorted(marked)]
    found = [each for each in found if each.kind != "python"]
    return [each for each in found if not any(_holds(each, other) for other in found)]


def _holds(outer: Backend, other: Backend) -> bool:
    """Return whether the outer directory is a back end only because of what its inner one holds."""
    entry = outer.path.joinpath(*(outer.app or "").partition(":")[0].split("."))
    below = other.path != outer.path and other.path.is_relative_to(outer.path)
    return below and entry.is_relative_to(other.path)


def _backend(
    root: Path, path: Path, files: list[str], host: Host, table: dict[str, Any]
) -> Backend:
    path = path.resolve()
    kind, app = _entry(path, _sources(root, path, files), host)
    app = str(table["app"]) if "app" in table else app
    names = [str(table["env_file"])] if "env_file" in table else [".env"]
    env_files = [path / name for name in names] + (
        [root / ".env"] if "env_file" not in table and path != root else []
    )
    requirements = (
        [path / str(table["requirements"])] if "requirements" in table else _requirements(path)
    )
    return Backend(
        path=path,
        kind=kind,
        app=app,
        python=_python(root, path, table),
        env_files=tuple(each for each in env_files if each.is_file()),
        requirements=tuple(requirements),
    )


def _entry(path: Path, inside: list[Path], host: Host) -> tuple[str, str | None]:
    if (path / "manage.py").is_file():
        found = _DJANGO_SETTINGS.search(_text(host, path / "manage.py"))
        return "django", found and found[1]
    for source in inside:
        text = _text(host, source)
        found = _ENTRY.search(text)
        if found and _assigned(text, found[1]):
            module = ".".join(source.relative_to(path).with_suffix("").parts).removesuffix(
                ".__init__"
            )
            return found[2].lower(), f"{module}:{found[1]}"
    return "python", None


def _assigned(text: str, name: str) -> bool:
    """Return whether the module itself assigns the name: the words may stand inside a string."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return True
    targets = [each.targets for each in body if isinstance(each, ast.Assign)]
    targets += [[each.target] for each in body if isinstance(each, ast.AnnAssign)]
    return any(
        isinstance(target, ast.Name) and target.id == name for each in targets for target in each
    )


def _requirements(path: Path) -> list[Path]:
    locks = [path / name for name in ("uv.lock", "pylock.toml", "poetry.lock", "requirements.txt")]
    return [each for each in locks if each.is_file()][:1]


def _python(root: Path, path: Path, table: dict[str, Any]) -> Path | None:
    if "python" in table:
        return path / str(table["python"])
    places = [path / ".venv", path / "venv", root / ".venv", root / "venv"]
    return next((each / "bin/python" for each in places if _environment(each)), None)


def _environment(place: Path) -> bool:
    """Return whether it is a virtual environment; one that may not be read counts, so that it becomes unknown."""
    try:
        return (place / "pyvenv.cfg").is_file()
    except PermissionError:
        return True


# --- front ends


def _frontends(root: Path, settings: Settings, files: list[str], host: Host) -> list[Frontend]:
    if settings.frontends:
        return [
            _frontend(root / str(table.get("path", ".")), host, table)
            for table in settings.frontends
        ]
    found = []
    for path in files:
        if _name(path) == "package.json":
            place = (root / path).parent
            if "build" in _table(_manifest(place, host), "scripts"):
                found.append(_frontend(place, host, {}))
    return found


def _manifest(place: Path, host: Host) -> dict[str, Any]:
    with suppress(ValueError):
        document = json.loads(_text(host, place / "package.json") or "{}")
        if isinstance(document, dict):
            return document
    return {}


def _table(manifest: dict[str, Any], key: str) -> dict[str, Any]:
    value = manifest.get(key)
    return value if isinstance(value, dict) else {}


def _frontend(place: Path, host: Host, table: dict[str, Any]) -> Frontend:
    place = place.resolve()
    manifest = _manifest(place, host)
    needs = {**_table(manifest, "dependencies"), **_table(manifest, "devDependencies")}
    kind = "next" if "next" in needs else "vite" if "vite" in needs else "node"
    packager = next((name for name, lock in _PACKAGERS if (place / lock).is_file()), "npm")
    build = tuple(str(table["build"]).split()) if "build" in table else (packager, "run", "build")
    dist = table.get("dist") or _out_dir(place, host) or {"next": ".next"}.get(kind, "dist")
    return Frontend(place, kind, build, (place / str(dist)).resolve(), packager)


_PACKAGERS = (("pnpm", "pnpm-lock.yaml"), ("yarn", "yarn.lock"), ("npm", "package-lock.json"))


def _out_dir(place: Path, host: Host) -> str | None:
    for name in ("vite.config.ts", "vite.config.js", "vite.config.mts", "vite.config.mjs"):
        found = re.search(r"outDir\s*:\s*[\"']([^\"']+)[\"']", _text(host, place / name))
        if found:
            return found[1]
    return None


# --- databases, migrations, compose


def _databases(
    root: Path, settings: Settings, backends: tuple[Backend, ...], files: list[str], host: Host
) -> list[DatabaseUrl]:
    if "url" in settings.database:
        owner = backends[0].path if backends else None
        return [
            DatabaseUrl(
                without_password(str(settings.database["url"])),
                f"{settings.source} [database] url",
                owner,
            )
        ]
    found = []
    for backend in backends:
        found += _from_env(backend, host) or _from_source(root, backend, files, host)
    return found


def _from_env(backend: Backend, host: Host) -> list[DatabaseUrl]:
    for path in backend.env_files:
        match = _URL_KEY.search(_text(host, path))
        if match:
            return [
                DatabaseUrl(
                    without_password(match[2].strip().strip("\"'")),
                    f"{path} {match[1]}",
                    backend.path,
                )
            ]
    return []


def _from_source(root: Path, backend: Backend, files: list[str], host: Host) -> list[DatabaseUrl]:
    if backend.kind == "django":
        return _from_django(backend, host)
    for path in _sources(root, backend.path, files):
        match = _SQLITE_LITERAL.search(_text(host, path))
        if match:
            return [DatabaseUrl(match[1], str(path), backend.path)]
    return []


def _from_django(backend: Backend, host: Host) -> list[DatabaseUrl]:
    source = backend.path / (backend.app or "").replace(".", "/")
    match = re.search(
        r"BASE_DIR\s*/\s*[\"']([\w.]+\.sqlite3)[\"']", _text(host, source.with_suffix(".py"))
    )
    return (
        [DatabaseUrl(f"sqlite:///{backend.path / match[1]}", f"{source}.py", backend.path)]
        if match
        else []
    )


def _migrations(root: Path, settings: Settings, files: list[str], host: Host) -> list[Migrations]:
    named = settings.database.get("migrations")
    paths = (
        [root / str(named)]
        if named
        else [root / path for path in files if _name(path) == "alembic.ini"]
    )
    return [found for path in paths if (found := _alembic(path, host)) is not None]


def _alembic(config: Path, host: Host) -> Migrations | None:
    text = _text(host, config)
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


def _compose(root: Path, settings: Settings, files: list[str]) -> list[Path]:
    named = settings.docker.get("compose")
    if named:
        return [root / str(named)]
    return [root / path for path in files if _name(path) in _COMPOSE]
