"""Where servers write: the files behind their descriptors, the journal of their unit, the engine for containers.

Engine API: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerLogs.
Fields of the journal: systemd.journal-fields(7).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from unstale.errors import Unavailable
from unstale.facts.app_owner import kept_by_systemd
from unstale.facts.app_process import AppProcess
from unstale.facts.docker import Container, ask, engine, told
from unstale.facts.files import text_of
from unstale.facts.log_lines import plain, since_its_start
from unstale.host import Host

LIMIT = 1_000_000
"""Bytes of a log that are read: its last ones."""
_LINES = 20_000
_MARGIN = 1.0  # seconds: a file's clock ticks more coarsely than a process's
_DELETED = " (deleted)"
_WRITING = 0b11  # O_WRONLY or O_RDWR, open(2)
_FRAME = 8  # bytes before each piece of a container's output


@dataclass(frozen=True, slots=True)
class Written:
    """A log's text. `whose` says from where it was read; `certain`: all of it was written since `started_at`.

    `secret` are values that its words may repeat; they are never recorded.
    """

    source: str
    text: str
    whose: str
    started_at: datetime
    certain: bool = True
    secret: tuple[str, ...] = ()


def files_of(host: Host, pid: int) -> dict[str, str]:
    """Return what it writes to by name: standard output and error whatever they are, and open *.log files."""
    found: dict[str, str] = {}
    for name in sorted(host.names(f"/proc/{pid}/fd"), key=int):
        link = f"/proc/{pid}/fd/{name}"
        target = host.readlink(link)
        named = target.startswith("/") and target.removesuffix(_DELETED).endswith(".log")
        if name in ("1", "2") or (named and _writes(host, pid, name)):
            found.setdefault(target, link)
    return found


def _writes(host: Host, pid: int, descriptor: str) -> bool:
    lines = text_of(host, f"/proc/{pid}/fdinfo/{descriptor}").splitlines()
    said = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return bool(int(said.get("flags", "0"), 8) & _WRITING)


def in_file(host: Host, process: AppProcess, target: str, link: str) -> Written:
    """Return what the file behind a descriptor holds of this process. Raises OSError, Unavailable for no file."""
    seen = host.stat(link)
    if seen is None or seen.kind != "file":
        raise _no_file(target)
    text = plain(host.read(link, LIMIT, tail=True).decode("utf-8", "replace"))
    cut = seen.size > LIMIT
    text = text.partition("\n")[2] if cut else text
    gone = target.endswith(_DELETED)
    source = f"tail -c {LIMIT} {link if gone else target}"
    began = process.started_at
    if seen.mtime_ns / 1e9 < began.timestamp() - _MARGIN:
        return Written(source, "", "nothing was written since it started", began)
    own = since_its_start(text, process.pid)
    if own is not None:
        whose = f"read from where pid {process.pid} names its start"
        return Written(source, own, whose, began)
    part = "the last 1 MB" if cut else "the whole file"
    whose = f"{part} was read: no line names the start of pid {process.pid}"
    return Written(source, text, whose, began, certain=False)


def _no_file(target: str) -> Unavailable:
    reasons = {
        "pipe:": "its output goes into a pipe, and whoever reads that keeps it",
        "/dev/pts/": "its output goes to a terminal, which keeps nothing",
        "/dev/tty": "its output goes to a terminal, which keeps nothing",
        "/dev/null": "its output is thrown away (/dev/null)",
        "socket:": "its output goes into a socket",
    }
    why = next((words for mark, words in reasons.items() if target.startswith(mark)), "")
    return Unavailable(
        what="its log cannot be read",
        why=why or f"{target} is no regular file",
        next="Start it with a log: … >> app.log 2>&1",
    )


def in_journal(host: Host, process: AppProcess, cgroup: str) -> Written:
    """Return what the unit of the process wrote in this run of it. Raises Unavailable, OSError."""
    kept = kept_by_systemd(host, process.pid, cgroup) or ("systemctl", process.owner)
    shown = host.run((*kept[:-1], "show", "-p", "InvocationID", "--value", kept[-1]))
    run = shown.out.strip()
    if shown.code != 0 or not run:
        words = shown.err.strip() or "systemd names no run of it"
        raise Unavailable(
            what="the journal was not asked", why=words, next=f"journalctl -u {kept[-1]}"
        )
    argv = ("journalctl", f"_SYSTEMD_INVOCATION_ID={run}", "-o", "cat", "--no-pager")
    done = host.run((*argv, "-n", str(_LINES)))
    empty = not done.out.strip() or done.out.startswith("-- No entries --")
    if done.code != 0 or empty:
        said = done.err.strip().splitlines()
        why = said[0] if said else "it holds nothing of this run"
        raise Unavailable(what="the journal shows nothing", why=why, next=" ".join(argv))
    text, read = _last(plain(done.out))
    words = f"{read} the start of {kept[-1]}, as far as the journal keeps it"
    return Written(" ".join(argv), text, words, process.started_at)


def in_container(host: Host, container: Container) -> Written:
    """Return what the container wrote since it started. Raises Unavailable."""
    socket = engine(host)
    seen = ask(host, socket, f"/containers/{container.id}/json")
    state = seen["State"]
    started, former = (datetime.fromisoformat(state[key]) for key in ("StartedAt", "FinishedAt"))
    # from the former end, if there was one: its first words may be stamped before StartedAt
    since = f"{int(former.timestamp())}.{former.microsecond:06d}" if former.year > 1 else "0"
    query = f"stdout=1&stderr=1&tail={_LINES}&since={since}"
    raw = told(host, socket, f"/containers/{container.id}/logs?{query}")
    body = raw if seen["Config"].get("Tty") else _unframed(raw)
    text, read = _last(plain(body.decode("utf-8", "replace")))
    source = f"docker logs --since {state['FinishedAt'] if former.year > 1 else 0} {container.name}"
    env = tuple(item.partition("=")[2] for item in seen["Config"]["Env"] or ())
    return Written(source, text, f"{read} the start of the container", started, secret=env)


def _unframed(raw: bytes) -> bytes:
    """Return the output without the header of each piece: its stream, three zeros, its length in four bytes."""
    pieces, at = [], 0
    while at + _FRAME <= len(raw):
        size = int.from_bytes(raw[at + 4 : at + _FRAME], "big")
        pieces.append(raw[at + _FRAME : at + _FRAME + size])
        at += _FRAME + size
    return b"".join(pieces)


def _last(text: str) -> tuple[str, str]:
    """Return what is judged of it, and how that begins the words for from where it was read."""
    if len(text) <= LIMIT and text.count("\n") < _LINES:
        return text, "read from"
    return text[-LIMIT:].partition("\n")[2], "the last of it read; it goes back to"
