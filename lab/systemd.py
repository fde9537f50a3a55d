"""A systemd of its own for a test: PID 1 of a PID namespace, with its own /run, cgroups and units."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from lab.waiting import wait_for

_TARGETS = ("default", "sysinit", "basic", "shutdown")
_BOOT = """\
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir /run/lock
mount -t tmpfs tmpfs /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec env -i "PATH=$PATH" container=lab "SYSTEMD_UNIT_PATH=$1" /lib/systemd/systemd --system --log-target=console
"""
_NAMESPACES = (
    "--pid",
    "--mount",
    "--uts",
    "--ipc",
    "--cgroup",
)  # not the network: tests ask its services


def why_none() -> str | None:
    """Return why no systemd can be started here, or None."""
    if os.geteuid() != 0:
        return "a systemd of its own needs root"
    there = shutil.which("systemctl") and Path("/lib/systemd/systemd").exists()
    return None if there else "not installed: systemd; make system-deps"


class Systemd:
    """systemd in namespaces, with the units below `place` and no others; ended with all its services by pid."""

    def __init__(self, place: Path) -> None:
        self.units = place / "units"
        self.log = place / "systemd.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.pid = 0

    def start(self) -> None:
        """Start it and wait until it answers systemctl."""
        self.units.mkdir(exist_ok=True)
        for each in _TARGETS:
            (self.units / f"{each}.target").write_text("[Unit]\nDefaultDependencies=no\n")
        argv = ["unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*argv, "sh", "-c", _BOOT, "sh", str(self.units)], stdout=log, stderr=log
            )
        wait_for(self._up)

    def _up(self) -> bool:
        assert self.process is not None
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self.pid = int((path.read_text().split() or ["0"])[0])
        return self.pid > 0 and self.run("systemctl", "show", "-p", "Version").returncode == 0

    def stop(self) -> None:
        """End it; the kernel ends whoever is left in its namespace (pid_namespaces(7))."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def serve(self, name: str, service: str) -> None:
        """Write a unit with this [Service] section and start it. Raises RuntimeError."""
        text = f"[Unit]\nDefaultDependencies=no\n[Service]\n{service}\n"
        (self.units / f"{name}.service").write_text(text)
        for words in (("daemon-reload",), ("start", name)):
            done = self.run("systemctl", *words)
            if done.returncode != 0:
                raise RuntimeError(done.stdout + done.stderr)

    def show(self, name: str, what: str) -> str:
        """Return a property of a unit."""
        return self.run("systemctl", "show", "-p", what, "--value", name).stdout.strip()

    def run(
        self, *argv: str, cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in its namespaces, to its end."""
        inside = ["nsenter", "-t", str(self.pid), "-a", f"--wd={cwd or '/'}"]
        return subprocess.run(
            [*inside, *argv], env=env, capture_output=True, text=True, check=False
        )
