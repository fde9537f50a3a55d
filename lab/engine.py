"""A Docker engine of its own for a test, with a base image that comes from no registry."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from lab.waiting import wait_for

BASE = "lab/busybox:1"


def why_none() -> str | None:
    """Return why no engine can be started here, or None."""
    if os.geteuid() != 0:
        return "a Docker engine needs root"
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [
        name
        for name in ("dockerd", "docker", "docker-compose", "iptables", "busybox")
        if not shutil.which(name, path=path)
    ]
    return f"not installed: {', '.join(missing)}; make system-deps" if missing else None


class Engine:
    """dockerd with its own data, socket and pid file below `place`; ended by pid."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.socket = place / "docker.sock"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environ(self) -> dict[str, str]:
        """Return what a client needs to reach it."""
        return {
            "DOCKER_HOST": f"unix://{self.socket}",
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
        }

    def start(self) -> None:
        """Start it, wait until it answers, and import the base image."""
        places = {name: self.place / name for name in ("data-root", "exec-root")}
        argv = ["dockerd", "--host", f"unix://{self.socket}", "--pidfile", str(self.place / "pid")]
        argv += [word for name, path in places.items() for word in (f"--{name}", str(path))]
        with (self.place / "log").open("wb") as log:
            self.process = subprocess.Popen(
                argv, env={**os.environ, **self.environ}, stdout=log, stderr=log
            )
        wait_for(lambda: self.run("docker", "info", check=False).returncode == 0)
        self.run("docker", "import", str(self._rootfs()), BASE)

    def stop(self) -> None:
        """End it and the containers that it runs; what it mounted on itself goes too."""
        if self.process is None:
            return
        left = self.run("docker", "ps", "-aq", check=False).stdout.split()
        if left:
            self.run("docker", "rm", "-f", *left, check=False)
        self.run("docker", "network", "prune", "-f", check=False)
        self.process.terminate()
        self.process.wait(30)
        if os.path.ismount(self.place / "data-root"):
            subprocess.run(["umount", "-l", str(self.place / "data-root")], check=True)

    def run(
        self, *argv: str, cwd: Path | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a client's command against it; raise with its words when it fails."""
        done = subprocess.run(
            argv,
            cwd=cwd,
            env={**os.environ, **self.environ},
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)} failed:\n{done.stdout}{done.stderr}")
        return done

    def _rootfs(self) -> Path:
        """Return a tar of a static busybox: a whole Debian would take a minute to make."""
        busybox = shutil.which("busybox", path=self.environ["PATH"])
        archive = self.place / "rootfs.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(str(busybox), "bin/busybox")
            for name in ("sh", "sleep", "sed"):
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        return archive
