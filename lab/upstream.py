"""A remote for the example's checkout, and somebody else who pushes to it."""

from __future__ import annotations

from pathlib import Path

from lab.arena import WHO, Arena


def follow_a_remote(arena: Arena) -> Path:
    """Make a bare remote of the checkout, and let its branch follow it; return where it is."""
    remote = arena.scratch / "remote.git"
    arena.run("git", "clone", "-q", "--bare", str(arena.root), str(remote), cwd=arena.scratch)
    branch = arena.run("git", "branch", "--show-current", cwd=arena.root).strip()
    arena.run("git", "remote", "add", "origin", str(remote), cwd=arena.root)
    arena.run("git", "fetch", "-q", cwd=arena.root)
    arena.run("git", "remote", "set-head", "origin", branch, cwd=arena.root)
    arena.run("git", "branch", "-q", "-u", f"origin/{branch}", cwd=arena.root)
    return remote


def push_from_elsewhere(arena: Arena, files: dict[str, str]) -> None:
    """Follow a remote, and push a commit of these files to it from a second clone."""
    remote, other = follow_a_remote(arena), arena.scratch / "other"
    arena.run("git", "clone", "-q", str(remote), str(other), cwd=arena.scratch)
    for name, text in files.items():
        (other / name).write_text(text)
    arena.run("git", "add", "-A", cwd=other)
    arena.run("git", *WHO, "commit", "-q", "-m", "elsewhere", cwd=other)
    arena.run("git", "push", "-q", cwd=other)
