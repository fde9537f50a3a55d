"""A remote for the example's checkout, and somebody else who pushes to it."""

from __future__ import annotations

from lab.arena import WHO, Arena


def push_from_elsewhere(arena: Arena, files: dict[str, str]) -> None:
    """Make a remote, follow it, and push a commit of these files from a second clone."""
    remote, other = arena.scratch / "remote.git", arena.scratch / "other"
    arena.run("git", "clone", "-q", "--bare", str(arena.root), str(remote), cwd=arena.scratch)
    branch = arena.run("git", "branch", "--show-current", cwd=arena.root).strip()
    arena.run("git", "remote", "add", "origin", str(remote), cwd=arena.root)
    arena.run("git", "fetch", "-q", cwd=arena.root)
    arena.run("git", "branch", "-q", "-u", f"origin/{branch}", cwd=arena.root)
    arena.run("git", "clone", "-q", str(remote), str(other), cwd=arena.scratch)
    for name, text in files.items():
        (other / name).write_text(text)
    arena.run("git", "add", "-A", cwd=other)
    arena.run("git", *WHO, "commit", "-q", "-m", "elsewhere", cwd=other)
    arena.run("git", "push", "-q", cwd=other)
