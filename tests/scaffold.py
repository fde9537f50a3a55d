"""Projects that the frameworks' own tools wrote, and the tool as a user has it: a wheel in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import free_port, wait_for
from uv import find_uv_bin

REPOSITORY = Path(__file__).parent.parent
# What is ours alone; what says where packages come from is the machine's and stays.
_OURS = ("PYTHON", "VIRTUAL_ENV", "UV_", "npm_", "MAKE", "MFLAGS", "COV_")
_MACHINES = ("INDEX", "FIND_LINKS", "NATIVE_TLS", "SYSTEM_CERTS", "CACHE", "OFFLINE")


def environ(**more: str) -> dict[str, str]:
    """Return a user's environment: ours without what belongs to our own Python, uv, npm or make."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(_OURS)
        or (key.startswith("UV_") and any(word in key for word in _MACHINES))
    }
    return {**kept, "NO_COLOR": "1", "COLUMNS": "160", **more}


def run(*argv: str | Path, cwd: Path) -> str:
    """Run a command to its end; fail the test with its words when it fails."""
    words = [str(word) for word in argv]
    done = subprocess.run(
        words,
        cwd=cwd,
        env=environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, f"{' '.join(words)} in {cwd}\n{done.stdout}{done.stderr}"
    return done.stdout


def make_environment(place: Path, *packages: str | Path, python: str = sys.executable) -> Path:
    """Make an environment of nothing but these packages; return its bin directory."""
    place.mkdir(parents=True, exist_ok=True)
    run(find_uv_bin(), "venv", "-q", "--python", python, ".venv", cwd=place)
    install(place, *packages)
    return place / ".venv/bin"


def install(place: Path, *packages: str | Path) -> None:
    """Install into the environment that is made in `place`."""
    python = place / ".venv/bin/python"
    run(find_uv_bin(), "pip", "install", "-q", "--python", python, *packages, cwd=place)


def build_wheel(out: Path) -> Path:
    """Build the repository's wheel, as a release does, and return it."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out), cwd=REPOSITORY)
    (wheel,) = out.glob("unstale-*.whl")
    return wheel


@dataclass(frozen=True, slots=True)
class Told:
    """What the tool said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """Return the JSON that stands alone on stdout."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    def layer(self, name: str) -> tuple[str, str]:
        """Return (state, summary) of a layer."""
        (line,) = (each for each in self.report["layers"] if each["layer"] == name)
        return line["state"], line["summary"]

    @property
    def stale(self) -> list[str]:
        """Return the codes of what is stale."""
        return [each["code"] for each in self.report["findings"] if each["severity"] == "stale"]


class Scaffold:
    """A generated project in a git checkout, with the servers started for it."""

    def __init__(self, root: Path, tool: Path) -> None:
        self.root = root
        self.tool = tool
        self.bin = root / ".venv/bin"
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.log = root.parent / f"{root.name}.log"
        self.server: tuple[str | Path, ...] = ()
        self.started: list[subprocess.Popen[bytes]] = []

    def write(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        return target

    def replace(self, path: str, old: str, new: str) -> None:
        """Edit a generated file; fail the test when the tool no longer writes what is replaced."""
        text = (self.root / path).read_text("utf-8")
        assert old in text, f"{path} holds no {old!r}"
        self.write(path, text.replace(old, new))

    def append(self, path: str, text: str) -> None:
        self.write(path, (self.root / path).read_text("utf-8") + text)

    def run(self, *argv: str | Path, cwd: Path | None = None) -> str:
        return run(*argv, cwd=cwd or self.root)

    def create_vite(self, template: str, **files: str) -> None:
        """Write web/ as `npm create vite` does and the files beside it, install and build it."""
        vite = ("npm", "create", "--yes", "vite@6.5.0", "web", "--", "--template", template)
        self.run(*vite)
        web = self.root / "web"
        for name, text in files.items():
            self.write(f"web/{name}", text)
        self.run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error", cwd=web)
        self.run("npm", "run", "build", cwd=web)

    def publish(self) -> None:
        """Commit everything and push it to a new upstream."""
        upstream = self.root.parent / f"{self.root.name}.git"
        self.run("git", "init", "-q", "--bare", upstream)
        self.run("git", "init", "-q", "-b", "main")
        self.run("git", "remote", "add", "origin", upstream)
        self.commit("begin")

    def commit(self, message: str) -> None:
        """Commit everything and push it."""
        who = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")
        self.run("git", "add", "-A")
        self.run("git", *who, "commit", "-qm", message)
        self.run("git", "push", "-qu", "origin", "main")

    def serve(self, *words: str | Path) -> None:
        """Start a server on the project's port and wait until it answers."""
        self.server = words
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                [str(word) for word in words],
                cwd=self.root,
                env=environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(child)
        wait_for(lambda: self.page() is not None or child.poll() is not None)
        assert child.poll() is None, self.log.read_text()

    def restart(self, *words: str | Path) -> None:
        self.end()
        self.serve(*words)

    def page(self, path: str = "/") -> str | None:
        """Return a page, None when nobody answers with one."""
        url = f"http://{self.address}{path}"
        with (
            suppress(OSError, urllib.error.URLError),
            urllib.request.urlopen(url, timeout=3) as got,
        ):
            body: bytes = got.read()
            return body.decode()
        return None

    def unstale(self, *words: str, path: str | None = None) -> Told:
        """Run the installed tool; `path` is all of PATH that it has."""
        more = {"PATH": path} if path is not None else {}
        more["XDG_STATE_HOME"] = str(self.root.parent / "state")
        done = subprocess.run(
            [str(self.tool), *words],
            cwd=self.root,
            env=environ(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Told(done.returncode, done.stdout, done.stderr)

    def check(self, path: str | None = None) -> Told:
        return self.unstale("check", "--format", "json", path=path)

    def end(self) -> None:
        """End what was started, and what unstale started in its place, by pid."""
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid() and self._stands_here(name):
                with suppress(ProcessLookupError):
                    os.kill(int(name), 9)
        for child in self.started:
            child.kill()
            child.wait()
        self.started.clear()

    def _stands_here(self, pid: str) -> bool:
        try:
            return Path(os.readlink(f"/proc/{pid}/cwd")).is_relative_to(self.root)
        except OSError:
            return False
