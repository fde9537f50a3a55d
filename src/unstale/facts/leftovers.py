"""Bytecode that outlived its source and still imports: modules and directories of nothing else."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import suppress
from dataclasses import dataclass

from unstale.errors import Unavailable
from unstale.facts.files import Tree
from unstale.facts.git import QUIET
from unstale.facts.import_names import imported, module
from unstale.host import Host

# CPython's Include/internal/pycore_magic_number.h: the number of each minor version's releases
_MAGIC = {
    "cpython-39": 3425,
    "cpython-310": 3439,
    "cpython-311": 3495,
    "cpython-312": 3531,
    "cpython-313": 3571,
    "cpython-314": 3627,
    str(sys.implementation.cache_tag): int.from_bytes(importlib.util.MAGIC_NUMBER[:2], "little"),
}
_ROOTS = ("", "src/")  # where a back end's packages start
_NOT_PACKAGES = frozenset(
    ("migrations", "versions", "static", "templates", "tests", "test", "media", "data")
)


@dataclass(frozen=True, slots=True)
class Orphan:
    """A directory of nothing but bytecode, which imports as an empty package.

    `importers` are the sources that get it by its name.
    """

    path: str
    name: str
    importers: tuple[str, ...]


def sourceless(host: Host, tree: Tree, tag: str) -> list[str]:
    """Return each importable .pyc outside __pycache__ without its source.

    Left out, as somebody ships them so: tracked by git, or no source at all beside them.
    """
    sources = {path.rpartition("/")[0] for path in tree.files if path.endswith(".py")}
    found = []
    for path in tree.files:
        place, _, name = path.rpartition("/")
        alone = path[:-1] not in tree.files and path[:-1] not in tree.others
        if (
            name.endswith(".pyc")
            and alone
            and place in sources
            and module(path.removesuffix(".pyc"))
        ):
            found += [path] if _loads(host, f"{tree.root}/{path}", tag) else []
    tracked = _tracked(host, tree.root, found)
    return [f"{tree.root}/{path}" for path in found if path not in tracked]


def _loads(host: Host, path: str, tag: str) -> bool:
    with suppress(OSError):
        return tag in _MAGIC and int.from_bytes(host.read(path, 2), "little") == _MAGIC[tag]
    return False


def _tracked(host: Host, root: str, paths: list[str]) -> frozenset[str]:
    if not paths:
        return frozenset()
    with suppress(Unavailable):
        done = host.run(
            ("git", "-C", root, "ls-files", "-z", "--", *(f":(literal){path}" for path in paths)),
            env=QUIET,
        )
        return frozenset(done.out.split("\0")) if done.code == 0 else frozenset()
    return frozenset()


def orphans(host: Host, tree: Tree, site: str) -> list[Orphan]:
    """Return the topmost directories that hold nothing but cached bytecode and can be imported."""
    bare = _bare(tree)
    found = [
        (each, name)
        for each in sorted(bare)
        if each.rpartition("/")[0] not in bare
        and (name := module(each)) is not None
        and not _NOT_PACKAGES & set(name.split("."))
        and _all_bytecode(host, f"{tree.root}/{each}")
    ]
    if not found:
        return []
    names = imported(host, tree)
    return [
        Orphan(f"{tree.root}/{each}", name, names.get(name, ()) if alone else ())
        for each, name in found
        for alone in [not _elsewhere(host, tree, site, name)]
    ]


def _elsewhere(host: Host, tree: Tree, site: str, name: str) -> bool:
    """Return whether a real module has the name: it wins wherever it stands (PEP 420)."""
    place = name.replace(".", "/")
    files = (f"{place}.py", f"{place}/__init__.py")
    return (
        name in sys.stdlib_module_names
        or any(f"{root}{file}" in tree.files for root in _ROOTS for file in files)
        or any(host.stat(f"{site}/{file}") is not None for file in files)
    )


def _bare(tree: Tree) -> set[str]:
    """Return the directories, __pycache__ left out, that hold nothing but cached bytecode."""
    holding, compiled = set[str](), set[str]()
    for path in (*tree.files, *tree.others):
        cached = path.endswith(".pyc") and "__pycache__/" in path
        (compiled if cached else holding).update(_above(path))
    return {each for each in compiled - holding if "__pycache__" not in each.split("/")}


def _above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:at]) for at in range(1, len(parts) + 1)]


def _all_bytecode(host: Host, path: str) -> bool:
    """Look again without the walk's pruning, which hides what must not be moved."""
    for name in host.names(path):
        seen = host.stat(f"{path}/{name}", follow=False)
        if seen is None or seen.kind == "link":
            return False
        inside = seen.kind == "dir" and _all_bytecode(host, f"{path}/{name}")
        cached = seen.kind == "file" and name.endswith(".pyc") and path.endswith("/__pycache__")
        if not (inside or cached):
            return False
    return True
