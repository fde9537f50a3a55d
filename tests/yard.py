"""A small whole project for tests of reset: an environment of wheels made here, a front end, a server without a library."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import pty
import shutil
import subprocess
import tarfile
import time
import urllib.request
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from uv import find_uv_bin

from lab.arena import free_port
from lab.waiting import wait_for

CANARY = "canary-4f1d9c-secret"
SERVER = """\
import http.server
import json
import os

import tiny


class app(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"tiny": tiny.VERSION, "pid": os.getpid()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        print("asked", flush=True)


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), app).serve_forever()
"""
MANIFEST: dict[str, Any] = {
    "name": "shop",
    "version": "1.0.0",
    "scripts": {"build": "node build.mjs"},
    "dependencies": {"small": "file:vendor/small-1.0.0.tgz"},
}
BUILD = """\
import fs from "node:fs";
fs.mkdirSync("dist", { recursive: true });
fs.writeFileSync("dist/index.html", "built " + fs.readFileSync("src.txt"));
"""
LOCK = "--no-index\n--find-links wheels\n"


class Yard:
    """One copy of the project, and every process that was started for it."""

    def __init__(self, place: Path) -> None:
        self.root, self.state, self.port = place / "shop", place / "state", free_port()
        self.front = self.root / "web"
        self.python = self.root / ".venv/bin/python"
        self.children: list[subprocess.Popen[bytes]] = []

    def write(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def lay(self) -> None:
        """Write it, make its wheels, install both sides, build."""
        for name, version, needs in (
            ("tiny", "1.0", "deep>=1.0"),
            ("tiny", "1.1", "deep>=1.0"),
            ("deep", "1.0", ""),
            ("deep", "1.1", ""),
            ("extra", "1.0", ""),
        ):
            wheel(self.root / "wheels", name, version, needs)
        self.write("app/__init__.py", "")
        self.write("app/main.py", SERVER)
        self.write("requirements.txt", f"{LOCK}tiny==1.0\ndeep==1.0\n")
        self.write("unstale.toml", '[backend]\napp = "app.main:app"\n[frontend]\npath = "web"\n')
        self.write(".gitignore", ".venv/\nnode_modules/\ndist/\n__pycache__/\n.unstale/\n")
        self.write("web/package.json", json.dumps(MANIFEST))
        self.write("web/build.mjs", BUILD)
        self.write("web/src.txt", "one")
        tarball(self.front / "vendor/small-1.0.0.tgz")
        self.run(find_uv_bin(), "venv", "-q", ".venv")
        self.install("-r", "requirements.txt")
        self.run("npm", "install", "--no-audit", "--no-fund", cwd=self.front)
        self.run("npm", "run", "build", cwd=self.front)
        self.run("git", "init", "-q")
        self.run("git", "add", "-A")
        who = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")
        self.run("git", *who, "commit", "-qm", "begin")

    def copy(self, place: Path) -> Yard:
        """Return the same in another directory."""
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", str(self.root), str(place)], check=True)
        return Yard(place)

    def install(self, *words: str) -> None:
        self.run(find_uv_bin(), "pip", "install", "-q", "--python", str(self.python), *words)

    def environ(self, **more: str) -> dict[str, str]:
        ours = ("PYTHON", "VIRTUAL_ENV", "UV_", "npm_", "COV", "MAKE")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        none = f"unix://{self.root}/none"
        return {
            **kept,
            "XDG_STATE_HOME": str(self.state),
            "DOCKER_HOST": none,
            "NO_COLOR": "1",
            **more,
        }

    def run(self, *argv: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            argv, cwd=cwd or self.root, env=self.environ(), capture_output=True, text=True
        )
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def spawn(self, argv: list[str], *, terminal: bool = False, **more: str) -> int:
        """Start a process in the project, in a terminal of its own or in none; return its pid."""
        with (self.root.parent / "server.log").open("ab") as log:
            how: dict[str, Any] = {"stdout": log, "stderr": log, "start_new_session": True}
            if terminal:
                self.master, slave = pty.openpty()
                how = {"stdin": slave, "stdout": slave, "stderr": slave}
                argv = ["setsid", "--ctty", *argv]
            child = subprocess.Popen(
                argv,
                cwd=self.root,
                env=self.environ(**more),
                **{"stdin": subprocess.DEVNULL, **how},
            )
            if terminal:
                os.close(slave)
        self.children.append(child)
        return child.pid

    def serve(self, **how: Any) -> int:
        """Start the server with a secret in its environment and wait until it answers; return its pid."""
        words = {"PORT": str(self.port), "API_KEY": CANARY}
        pid = self.spawn([str(self.python), "-m", "app.main"], **how, **words)
        wait_for(lambda: self.answer() is not None)
        return pid

    def answer(self) -> dict[str, Any] | None:
        with suppress(OSError):
            address = f"http://127.0.0.1:{self.port}/"
            return dict(json.loads(urllib.request.urlopen(address, timeout=5).read()))
        return None

    def argv(self) -> bytes:
        """Return the command line of whoever answers."""
        told = self.answer()
        assert told is not None, (self.root.parent / "server.log").read_text()
        return Path(f"/proc/{told['pid']}/cmdline").read_bytes()

    def unstale(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.tool(*words),
            cwd=self.root,
            env=self.environ(**more),
            capture_output=True,
            text=True,
        )

    @staticmethod
    def tool(*words: str) -> list[str]:
        import sys

        return [sys.executable, "-m", "unstale", *words]

    def versions(self) -> dict[str, str]:
        """Return what is installed, by name."""
        listed = self.run(
            find_uv_bin(), "pip", "list", "--format", "json", "--python", str(self.python)
        )
        return {each["name"]: each["version"] for each in json.loads(listed)}

    def stopped(self) -> list[Path]:
        """Return what is kept of stopped processes."""
        return sorted(self.state.glob("unstale/*/stopped/*"))

    def end(self) -> None:
        """End what stands here, by pid."""
        for name in (each for each in os.listdir("/proc") if each.isdigit()):
            with suppress(OSError):
                here = os.readlink(f"/proc/{name}/cwd").startswith(str(self.root.parent))
                if here and int(name) != os.getpid():
                    os.kill(int(name), 9)
        for child in self.children:
            child.wait()
        if hasattr(self, "master"):
            os.close(self.master)


def fingerprint(root: Path, but: tuple[str, ...] = (".git", ".unstale")) -> dict[str, str]:
    """Return what each file holds, by its path; of a link where it leads."""
    found = {}
    for directory, names, files in os.walk(root):
        names[:] = [each for each in names if each not in but]
        for name in (*files, *names):
            path = Path(directory, name)
            if path.is_symlink():
                found[str(path)] = f"-> {path.readlink()}"
            elif path.is_file():
                found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Return the paths that differ."""
    return sorted(each for each in {*one, *other} if one.get(each) != other.get(each))


def wheel(place: Path, name: str, version: str, needs: str) -> None:
    """Write a wheel of one module with a VERSION (the wheel format: PEP 427)."""
    place.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f'VERSION = "{version}"\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    with zipfile.ZipFile(place / f"{name}-{version}-py3-none-any.whl", "w") as packed:
        for path, text in files.items():
            packed.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
            record += f"{path},sha256={digest.decode()},{len(text)}\n"
        packed.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")


def tarball(path: Path) -> None:
    """Write an npm package as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as packed:
        text = json.dumps({"name": "small", "version": "1.0.0"}).encode()
        member = tarfile.TarInfo("package/package.json")
        member.size, member.mtime = len(text), int(time.time())
        packed.addfile(member, io.BytesIO(text))


def erase(yard: Yard) -> None:
    """End and delete a copy."""
    yard.end()
    shutil.rmtree(yard.root.parent, ignore_errors=True)
