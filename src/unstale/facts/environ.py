"""The environment that a process was started with; proc(5): what it set later is not in it. Values are secrets."""

from __future__ import annotations

from unstale.host import Host


def environ_of(host: Host, pid: int) -> dict[str, str]:
    """Return the process's variables. Raises OSError when it is gone or another user's."""
    raw = host.read(f"/proc/{pid}/environ").decode("utf-8", "surrogateescape")
    pairs = (item.partition("=") for item in raw.split("\0"))
    return {key: value for key, found, value in pairs if found}


def own_environ(host: Host) -> dict[str, str]:
    """Return the variables that we ourselves would give to what we start. Raises Unavailable."""
    pairs = (each.partition("=") for each in host.run(("env", "-0")).out.split("\0"))
    return {key: value for key, found, value in pairs if found}
