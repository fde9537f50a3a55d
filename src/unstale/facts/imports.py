"""Which project files an entry point can import, read from the import statements alone; pure."""

from __future__ import annotations

import re
from collections.abc import Callable

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#;]+)|import[ \t]+([^\n#;]+))",
    re.MULTILINE,
)

Read = Callable[[str], str]


def reachable(
    entry: str,
    files: frozenset[str],
    roots: tuple[str, ...],
    read: Read,
    closed: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """Return the files that importing `entry` can load; paths are relative to the project, `roots` its sys.path.

    Of the `closed` directories, which may not be read, those that an import leads into are among them.
    """
    seen: set[str] = set()
    todo = [entry, *_packages(entry, files)]
    while todo:
        path = todo.pop()
        if path in closed:
            seen.add(path)
        if path in seen or path not in files:
            continue
        seen.add(path)
        for module, names in _imports(read(path), path, roots):
            todo += [found for root in roots for found in _found(module, names, root, files)]
            todo += [each for root in roots for each in closed & _steps(module, names, root)]
    return frozenset(seen)


def _imports(text: str, path: str, roots: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
    found: list[tuple[str, tuple[str, ...]]] = []
    for origin, names, plain in _IMPORT.findall(text):
        if plain:
            found += [(word.split(" as ")[0].strip(), ()) for word in plain.split(",")]
        else:
            words = tuple(
                word.split(" as ")[0].strip()
                for word in names.strip("() \t\n").replace("\n", " ").split(",")
            )
            found.append(
                (
                    _absolute(origin, path, roots),
                    tuple(word for word in words if word.isidentifier()),
                )
            )
    return found


def _absolute(origin: str, path: str, roots: tuple[str, ...]) -> str:
    dots = len(origin) - len(origin.lstrip("."))
    if not dots:
        return origin
    inside = max(
        (root for root in roots if not root or path.startswith(f"{root}/")), key=len, default=""
    )
    parts = path.removeprefix(inside).strip("/").split("/")[:-1]
    base = parts[: len(parts) - dots + 1]
    return ".".join([*base, *filter(None, [origin[dots:]])])


def _found(module: str, names: tuple[str, ...], root: str, files: frozenset[str]) -> list[str]:
    base = "/".join(filter(None, [root, *module.split(".")]))
    candidates = [f"{base}.py", f"{base}/__init__.py"]
    for name in names:
        candidates += [f"{base}/{name}.py", f"{base}/{name}/__init__.py"]
    hits = [path for path in candidates if path in files]
    return hits + [package for path in hits for package in _packages(path, files)]


def _steps(module: str, names: tuple[str, ...], root: str) -> set[str]:
    """Return every directory that could be a package on the way."""
    parts = [*filter(None, [root]), *module.split("."), ""]
    above = {"/".join(parts[:at]) for at in range(1, len(parts))}
    return above | {"/".join([*parts[:-1], name]) for name in names}


def _packages(path: str, files: frozenset[str]) -> list[str]:
    """Return the __init__.py of every package above the file: importing it runs them too."""
    parts = path.split("/")[:-1]
    above = ["/".join([*parts[:at], "__init__.py"]) for at in range(len(parts), 0, -1)]
    return [each for each in above if each in files]
