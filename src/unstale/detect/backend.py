"""Back ends: a directory with a marker of a Python project whose source makes an app."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from unstale.detect.files import ENTRY_NAMES, Files
from unstale.project import Backend
from unstale.settings import Settings

_FRAMEWORK = re.compile(r"\b(?:FastAPI|Starlette|Flask)\(")
_ENTRY = re.compile(
    r"^(\w+)\s*(?::\s*\w+\s*)?=\s*(?:\w+\.)?(FastAPI|Starlette|Flask)\(", re.MULTILINE
)
_DJANGO_SETTINGS = re.compile(r"DJANGO_SETTINGS_MODULE[\"']\s*,\s*[\"']([\w.]+)[\"']")
_MARKERS = (
    *("requirements.txt", "pyproject.toml", "manage.py", "alembic.ini", "setup.py", "Pipfile"),
    "uv.lock",
)


def backends(files: Files, settings: Settings) -> list[Backend]:
    """Return the back ends, those of the settings if there are any."""
    if settings.backends:
        return [
            _backend(files.root / str(table.get("path", ".")), files, table)
            for table in settings.backends
        ]
    marked = {path.parent for path in files.named(*_MARKERS)}
    return _apps(marked, files) or _apps(_with_environment(files), files)


def _apps(places: set[Path], files: Files) -> list[Backend]:
    found = [_backend(place, files, {}) for place in sorted(places)]
    found = [each for each in found if each.kind != "python"]
    return [each for each in found if not any(_holds(each, other) for other in found)]


def _with_environment(files: Files) -> set[Path]:
    """Return the directories that have a virtual environment beside an app, though nothing says what is in it."""
    places = {files.root, *(path.parent for path in files.named(*ENTRY_NAMES))}
    return {each for each in places if any(map(_environment, (each / ".venv", each / "venv")))}


def _holds(outer: Backend, other: Backend) -> bool:
    """Return whether the outer directory is a back end only because of what its inner one holds."""
    entry = outer.path.joinpath(*(outer.app or "").partition(":")[0].split("."))
    below = other.path != outer.path and other.path.is_relative_to(outer.path)
    return below and entry.is_relative_to(other.path)


def _backend(path: Path, files: Files, table: dict[str, Any]) -> Backend:
    path = path.resolve()
    kind, app = _entry(path, files.sources(path), files)
    app = str(table["app"]) if "app" in table else app
    names = [str(table["env_file"])] if "env_file" in table else [".env"]
    env_files = [path / name for name in names] + (
        [files.root / ".env"] if "env_file" not in table and path != files.root else []
    )
    requirements = (
        [path / str(table["requirements"])] if "requirements" in table else _requirements(path)
    )
    return Backend(
        path=path,
        kind=kind,
        app=app,
        python=_python(files.root, path, table),
        env_files=tuple(each for each in env_files if each.is_file()),
        requirements=tuple(requirements),
    )


def _entry(path: Path, inside: list[Path], files: Files) -> tuple[str, str | None]:
    if (path / "manage.py").is_file():
        found = _DJANGO_SETTINGS.search(files.text(path / "manage.py"))
        return "django", found and found[1]
    for source in inside:
        made = _made(files.text(source))
        if made is not None:
            module = ".".join(source.relative_to(path).with_suffix("").parts)
            return made[0].lower(), f"{module.removesuffix('.__init__')}:{made[1]}"
    return "python", None


def _made(text: str) -> tuple[str, str] | None:
    """Return (framework, name) of the app that the module assigns, else of the function that makes one."""
    if not _FRAMEWORK.search(text):
        return None
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        found = _ENTRY.search(text)
        return (found[2], found[1]) if found else None
    factories = [each for each in body if isinstance(each, ast.FunctionDef)]
    made = [pair for each in body for pair in _assigned(each)]
    made += [
        (kind, each.name) for each in factories for part in each.body for kind, _ in _assigned(part)
    ]
    return next(iter(made), None)


def _assigned(node: ast.stmt) -> list[tuple[str, str]]:
    """Return (framework, name) where the statement is `name = Framework(…)`."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
    call = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if not isinstance(call, ast.Call):
        return []
    kind = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    known = kind in ("FastAPI", "Starlette", "Flask")
    return [(kind, each.id) for each in targets if known and isinstance(each, ast.Name)]


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
