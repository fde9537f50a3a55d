"""Writes a commit, or the working tree as it is, into a directory; the checkout and its index are not touched.

By an index of our own and read-tree(1): content goes through the same filters as in a checkout (line ends, LFS), and
`export-ignore`, which is for source packages, leaves nothing out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unstale.deploy.home import MANIFEST, MARKER
from unstale.errors import Failed
from unstale.facts.git import git
from unstale.host import Host

_OURS = (MANIFEST, MARKER)
_QUIET = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.safecrlf=false"),
    *("-c", "core.sparseCheckout=false", "-c", "advice.addEmbeddedRepo=false"),
)
_LFS_FILTER = b"filter=lfs"
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"  # git-lfs docs/spec.md
_LFS_LARGEST = 1024
_SPECIAL = re.compile(r"([*?\[\\])")  # of a pattern (gitignore(5))
_ESCAPED = r"\\\1"
_LINE = re.compile(r"(\d{6}) \w+ [0-9a-f]+ +(\d+|-)\t(.*)", re.DOTALL)

Variables = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: git's name of the tree, and what of it is not there, in words."""

    tree: str
    missing: tuple[str, ...]


def export(
    host: Host,
    root: str,
    commit: str,
    target: str,
    scratch: str,
    *,
    dirty: bool,
    but: tuple[str, ...],
) -> Exported:
    """Write the project's part of the repository into the directory `target`.

    `dirty`: the working tree's tracked and unignored files, without the paths `but` where they are untracked. `scratch`
    is a directory of ours. Raises Failed with git's words, or for a tree that has a file of the name of one of ours.
    """
    variables: Variables = (("GIT_TERMINAL_PROMPT", "0"), ("LC_ALL", "C"))
    host.makedirs(scratch)
    if dirty:
        tree, variables = _working_tree(host, root, scratch, variables, but)
    else:
        place = git(host, root, "rev-parse", "--show-prefix").strip()
        tree = _git(host, root, variables, "rev-parse", "--verify", f"{commit}:{place}").strip()
    entries = tuple(_entries(_git(host, root, variables, "ls-tree", "-rlz", "--full-tree", tree)))
    _require_free(entries, commit)
    directory = git(host, root, "rev-parse", "--absolute-git-dir").rstrip("\n")
    there = ("--git-dir", directory, "--work-tree", target)
    mine = (*variables, ("GIT_INDEX_FILE", f"{scratch}/index"))
    _git(host, target, mine, *there, "read-tree", "--reset", "-u", tree)
    return Exported(tree, tuple(_missing(host, target, entries)))


def _working_tree(
    host: Host, root: str, scratch: str, variables: Variables, but: tuple[str, ...]
) -> tuple[str, Variables]:
    """Return the tree of the working files. Its objects are written to the scratch directory alone."""
    if git(host, root, "ls-files", "-u", "-z"):
        raise Failed(
            what="the working tree cannot be deployed",
            why="it holds a merge that is not finished",
            next=f"git -C {root} status",
        )
    paths = [
        git(host, root, "rev-parse", "--path-format=absolute", "--git-path", name).rstrip("\n")
        for name in ("index", "objects")
    ]
    host.copy(paths[0], f"{scratch}/working")
    host.makedirs(f"{scratch}/objects")
    stored = (
        ("GIT_OBJECT_DIRECTORY", f"{scratch}/objects"),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", paths[1]),
    )
    mine = (*variables, *stored, ("GIT_INDEX_FILE", f"{scratch}/working"))
    place = git(host, root, "rev-parse", "--show-prefix").strip()
    left = (f"--exclude=/{place}{_SPECIAL.sub(_ESCAPED, path)}" for path in but)
    listing = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", *left)
    paths_now = _git(host, root, mine, *listing)
    update = ("update-index", "--add", "--remove", "--replace", "--ignore-skip-worktree-entries")
    _git(host, root, mine, *update, "-z", "--stdin", stdin=paths_now)
    tree = _git(host, root, mine, "write-tree", *([f"--prefix={place}"] if place else [])).strip()
    return tree, (*variables, *stored)


def _entries(listing: str) -> Iterator[tuple[str, int, str]]:
    """Yield (mode, bytes, path) of `ls-tree -l`; a submodule has no size."""
    for line in filter(None, listing.split("\0")):
        found = _LINE.fullmatch(line)
        if found:
            yield found[1], int(found[2]) if found[2] != "-" else 0, found[3]


def _require_free(entries: tuple[tuple[str, int, str], ...], commit: str) -> None:
    for _, _, path in entries:
        top = path.partition("/")[0]
        if top in _OURS:
            raise Failed(
                what=f"commit {commit[:7]} cannot be a release",
                why=f"it has a {top} at its root, where a release keeps its own",
                next=f"Move {top} into a directory.",
            )


def _missing(host: Host, target: str, entries: tuple[tuple[str, int, str], ...]) -> Iterator[str]:
    """Yield what git names and did not write: submodules, and the content of LFS files without git-lfs."""
    for mode, _, path in entries:
        if mode == "160000":
            yield f"the submodule {path}"
    rules = (path for _, _, path in entries if path.rpartition("/")[2] == ".gitattributes")
    if any(_LFS_FILTER in host.read(f"{target}/{path}") for path in rules):
        for mode, size, path in entries:
            small = mode.startswith("100") and 0 < size <= _LFS_LARGEST
            if small and host.read(f"{target}/{path}", 64).startswith(_LFS_POINTER):
                yield f"the content of {path}, which is in Git LFS"


def _git(host: Host, cwd: str, variables: Variables, *words: str, stdin: str = "") -> str:
    done = host.act(("git", *_QUIET, *words), cwd=cwd, env=variables, stdin=stdin)
    if done.code != 0:
        lines = [line.strip() for line in done.err.splitlines() if line.strip()]
        raise Failed(
            what="the release could not be exported",
            why=" | ".join(lines[-3:]) or f"exit {done.code}",
            next=f"df -h {Path(cwd).parent}; git fsck",
        )
    return done.out
