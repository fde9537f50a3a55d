"""What a release's code gate makes of what it saw: broken files, settings without values, Django's late imports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from unstale.deploy.content import Content
from unstale.facts.import_names import module
from unstale.host import Host
from unstale.project import Backend

_BROKEN = re.compile(
    r"^\*\*\* (?:Error compiling |Sorry: )?'([^']+)'[^\n]*\n(.*?)(?=^\*\*\* |\Z)",
    re.MULTILINE | re.DOTALL,
)
_LINE = re.compile(r"line (\d+)")
_ELSEWHERE = frozenset({"tests", "test", "docs", "examples", "templates", "fixtures"})


def broken_files(out: str, place: str) -> Iterator[tuple[str, str]]:
    """Yield (path, why) of what compileall could not compile."""
    for path, text in _BROKEN.findall(out):
        lines = [each.strip() for each in text.splitlines() if each.strip()]
        line = _LINE.search(text)
        at = f"line {line[1]}: " if line else ""
        yield path.removeprefix(f"{place}/"), at + (lines[-1] if lines else "it is broken")


def importable(path: str) -> bool:
    """Return whether an import can reach the file: a template or a test cannot break the app."""
    return module(path.removesuffix(".py")) is not None and _ELSEWHERE.isdisjoint(path.split("/"))


def unset_settings(
    host: Host, found: Content, settings: dict[str, Any]
) -> Iterator[tuple[str, list[str]]]:
    """Yield the project's settings classes that something calls and that do not find their values."""
    place = found.backend.path
    for name, each in settings.items():
        if not each["invalid"]:
            continue
        word = name.rpartition(".")[2]
        own = f"{place}/{name.rpartition('.')[0].replace('.', '/')}"
        called = re.compile(rf"(?<!class ){re.escape(word)}\(")
        sources = (
            host.read(f"{place}/{entry.path}").decode("utf-8", "replace")
            for entry in host.walk(str(place), (*_ELSEWHERE, ".venv", "node_modules"))
            if entry.kind == "file" and entry.path.endswith(".py")
        )
        mine = host.stat(f"{own}.py") or host.stat(f"{own}/__init__.py")
        if mine and any(called.search(text) for text in sources):
            yield name, each["invalid"]


def served_by_django(host: Host, backend: Backend, settings: str) -> dict[str, Any]:
    """Return what Django would import at the first request: the routes, and the entry points beside the settings."""
    package = settings.rpartition(".")[0]
    place = f"{backend.path}/{package.replace('.', '/')}"
    names = ("urls", "wsgi", "asgi") if backend.kind == "django" else ()
    there = [each for each in names if host.stat(f"{place}/{each}.py") is not None]
    return {"imports": [f"{package}.{each}" for each in there]} if there else {}
