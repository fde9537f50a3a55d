"""Which modules a back end's sources import, read from their import statements alone."""

from __future__ import annotations

import ast
from contextlib import suppress
from pathlib import Path

from unstale.facts.compiled import LARGEST
from unstale.facts.files import Tree
from unstale.host import Host


def imported(host: Host, tree: Tree) -> dict[str, tuple[str, ...]]:
    """Return each module that import statements name, its parents too, with the sources."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(tree.files):
        if path.endswith(".py"):
            with suppress(OSError, SyntaxError, ValueError):
                text = host.read(f"{tree.root}/{path}")
                parsed = ast.parse(text if len(text) <= LARGEST else b"")
                for name in _names(parsed, module(path.removesuffix(".py")) or "", path):
                    found[name] = (*found.get(name, ()), path)
    return found


def _names(parsed: ast.Module, own: str, path: str) -> set[str]:
    package = own.split(".") if Path(path).name == "__init__.py" else own.split(".")[:-1]
    package = package[:-1] if package and package[-1] == "__init__" else package
    names = set[str]()
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            names |= {base} | {f"{base}.{each.name}" if base else each.name for each in node.names}
    return {".".join(above) for name in names for above in _steps(name)}


def _steps(name: str) -> list[list[str]]:
    parts = name.split(".")
    return [parts[:at] for at in range(1, len(parts) + 1)]


def module(path: str) -> str | None:
    """Return the dotted name under which a path without its suffix imports, or None."""
    parts = path.removeprefix("src/").split("/")
    name = ".".join(parts)
    return name if all(each.isidentifier() and each != "__pycache__" for each in parts) else None
