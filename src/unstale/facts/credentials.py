"""As whom a process runs."""

from __future__ import annotations

from unstale.host import Host


def credentials(host: Host, pid: int) -> tuple[int, tuple[int, ...]]:
    """Return its user, and its group before the supplementary ones (proc_pid_status(5))."""
    lines = host.read(f"/proc/{pid}/status").decode("utf-8", "replace").splitlines()
    said = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    effective = 1  # of real, effective, saved, filesystem
    groups = (said["Gid"][effective], *said["Groups"])
    return int(said["Uid"][effective]), tuple(int(each) for each in groups)
