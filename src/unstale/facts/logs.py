"""What the project's own servers wrote since they started, and which errors are in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.facts.docker import Containers
from unstale.facts.env_files import secrets
from unstale.facts.environ import environ_of
from unstale.facts.log_lines import failures, newest, troubles
from unstale.facts.log_sources import Written, files_of, in_container, in_file, in_journal
from unstale.facts.processes import ProcessTable
from unstale.redact import hide, mask


@dataclass(frozen=True, slots=True)
class Log:
    """What one server wrote, e.g. Log("process 4711 (…)", …, errors=1, newest=("ValueError: x (app/main.py:12)",)).

    `source` is the command that shows it. `errors` were written since `started_at`; of `doubtful` ones that is not
    known. `failures` are access lines that tell an answer 5xx. `unread` says why it was not read, else "".
    """

    subject: str
    source: str
    started_at: datetime | None = None
    whose: str = ""
    errors: int = 0
    doubtful: int = 0
    failures: int = 0
    newest: tuple[str, ...] = ()
    unread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs(Fact):
    """The logs of the servers, jobs and containers that run: of each at most the last 1 MB, secrets hidden."""

    waits = True

    logs: tuple[Log, ...]

    @classmethod
    def gather(cls, facts: Facts) -> Logs:
        found = [*_of_processes(facts), *_of_containers(facts)]
        if not found:
            raise Absent(
                what="no log", why="no process of this project runs", next="Start the app."
            )
        return cls(seen_at=facts.host.now(), logs=tuple(found))


def _of_processes(facts: Facts) -> Iterator[Log]:
    """Yield a log for each place that a process writes to; of several processes the first that started there."""
    apps = facts.maybe(AppProcesses)
    seen: set[str] = set()
    mine = apps.of("server", "job", "orphan") if apps else ()
    for process in sorted(mine, key=lambda each: each.started_at):
        try:
            targets = files_of(facts.host, process.pid)
        except OSError as error:
            look = f"ls -l /proc/{process.pid}/fd"
            yield Log(process.subject, look, unread=error.strerror or str(error))
            continue
        for target, link in targets.items():
            key = _place(process, target)
            if key not in seen:
                seen.add(key)
                yield _of_process(facts, process, target, link)


def _place(process: AppProcess, target: str) -> str:
    """Return what two servers share where they write to the same; what keeps nothing is said of each."""
    if _journaled(process, target):
        return process.owner
    return f"{process.pid} {target}" if target.startswith("/dev/") else target


def _journaled(process: AppProcess, target: str) -> bool:
    return target.startswith("socket:") and process.owner.startswith("systemd:")


def _of_process(facts: Facts, process: AppProcess, target: str, link: str) -> Log:
    def look() -> Written:
        if _journaled(process, target):
            found = facts.get(ProcessTable).find(process.pid)
            return in_journal(facts.host, process, found.cgroup if found else "")
        return in_file(facts.host, process, target, link)

    environ: tuple[str, ...] = ()
    with suppress(OSError):
        environ = tuple(environ_of(facts.host, process.pid).values())
    return _log(facts, process.subject, look, environ)


def _of_containers(facts: Facts) -> Iterator[Log]:
    containers = facts.maybe(Containers)
    for each in containers.containers if containers else ():
        yield _log(facts, each.subject, lambda each=each: in_container(facts.host, each), ())  # type: ignore[misc]  # bound now


def _log(facts: Facts, subject: str, look: Callable[[], Written], environ: tuple[str, ...]) -> Log:
    try:
        written = look()
    except Unavailable as error:
        return Log(subject, error.next, unread=mask(f"{error.what}: {error.why}"))
    except OSError as error:
        return Log(subject, error.filename or "", unread=error.strerror or str(error))
    files = (str(path) for each in facts.project.backends for path in each.env_files)
    secret = secrets(facts.host, (*environ, *written.secret), *files)
    return _judged(subject, written, secret)


def _judged(subject: str, written: Written, secret: tuple[str, ...]) -> Log:
    """Return how many errors are in it: those whose line is dated before the start are left out."""
    found = tuple(
        each
        for each in troubles(written.text)
        if each.at is None or each.at >= written.started_at.replace(microsecond=0)
    )
    later = found if written.certain else tuple(each for each in found if each.at is not None)
    return Log(
        subject,
        written.source,
        started_at=written.started_at,
        whose=written.whose,
        errors=len(later),
        doubtful=len(found) - len(later),
        failures=failures(written.text) if written.certain else 0,
        newest=tuple(hide(words, secret) for words in newest(later or found)),
    )
