"""A PostgreSQL cluster of its own in a temporary directory: a unix socket, no port, nothing of the system's cluster."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from lab.waiting import wait_for

SUPERUSER = "unstale"
PASSWORD = "canary-Pg-4711"
_PLACES = "/usr/lib/postgresql"
_SLOPPY = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


def why_none() -> str | None:
    """Return why no cluster can be started here, or None."""
    missing = [name for name in ("postgres", "initdb", "psql", "pg_dump") if program(name) is None]
    return f"{', '.join(missing)} not found: make system-deps" if missing else None


def program(name: str) -> str | None:
    """Return the newest server's program; Debian keeps the server's outside of PATH."""
    versions = sorted(Path(_PLACES).glob("*/bin"), key=lambda path: int(path.parent.name))
    found = [str(each / name) for each in reversed(versions) if (each / name).exists()]
    return next(iter(found), shutil.which(name))


class Cluster:
    """One cluster; `stop` ends it and removes it. Every connection needs the password.

    `durable`: it syncs, as a real one does; for measuring.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.settings = ("max_connections=40", *(() if durable else _SLOPPY))
        self.place = Path(
            tempfile.mkdtemp(prefix="pg-")
        )  # short: a socket's name ends at 107 bytes
        self.user = "nobody" if os.geteuid() == 0 else None  # postgres refuses root
        self.server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the cluster and wait until it answers."""
        if self.user:
            shutil.chown(self.place, self.user)
        secret = self.place / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run(
            *("initdb", "-D", str(self.place / "data"), "-U", SUPERUSER, "-A", "scram-sha-256"),
            *("--pwfile", str(secret), "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
        )
        settings = [word for each in self.settings for word in ("-c", each)]
        argv = [str(program("postgres")), "-D", str(self.place / "data"), "-k", str(self.place)]
        argv += ["-c", "listen_addresses=", *settings]
        with (self.place / "log").open("wb") as log:
            self.server = subprocess.Popen(
                argv, user=self.user, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_for(lambda: self.psql("SELECT 1", check=False) == "1")

    def psql(self, sql: str, *, database: str = "postgres", check: bool = True) -> str:
        """Run statements as the superuser; return what they print."""
        done = subprocess.run(
            [str(program("psql")), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database],
            input=sql,
            env=self.environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout.strip()

    def environ(self) -> dict[str, str]:
        """Return the environment of a client of ours."""
        said = {"PGHOST": str(self.place), "PGUSER": SUPERUSER, "PGPASSWORD": PASSWORD}
        return {"PATH": os.environ["PATH"], **said}

    def url(self, database: str, *, user: str = SUPERUSER, driver: str = "") -> str:
        """Return SQLAlchemy's URL of a database, password and all."""
        return f"postgresql{driver}://{user}:{PASSWORD}@/{database}?host={self.place}"

    def stop(self) -> None:
        """End the server at once and remove its files."""
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)  # "fast shutdown", postgres(1)
            self.server.wait(timeout=30)
        shutil.rmtree(self.place, ignore_errors=True)

    def _run(self, name: str, *words: str) -> None:
        subprocess.run(
            [str(program(name)), *words], user=self.user, cwd="/", check=True, capture_output=True
        )
