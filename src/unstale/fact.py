"""What we saw, gathered once and lazily, each kind by itself; absent, unknown and skipped are results too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self, TypeVar

from unstale import codec
from unstale.errors import Absent, Skipped, Unavailable, UnstaleError
from unstale.evidence import Evidence
from unstale.host import Host
from unstale.layer import Layer
from unstale.project import Project
from unstale.redact import mask

F = TypeVar("F", bound="Fact")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """How far to look. `copy_limit` in bytes: no database above it is copied."""

    fast: bool = False
    offline: bool = False
    urls: tuple[str, ...] = ()
    allow_import: bool = False
    copy_limit: int = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A frozen record that knows how to gather itself.

    `layer` places `summary()` in the chain; `costly` names what `--fast` leaves out; `waits`: for another program.
    """

    layer: ClassVar[Layer | None] = None
    costly: ClassVar[str | None] = None
    waits: ClassVar[bool] = False

    seen_at: datetime

    @classmethod
    def gather(cls, facts: Facts) -> Self:
        """Look at the machine through `facts.host`. Raises Absent or Unavailable; never guesses."""
        raise NotImplementedError(cls.__name__)

    def shows(self, value: str, source: str) -> Evidence:
        """Return evidence seen when this fact was gathered."""
        return Evidence(value, source, self.seen_at)

    def summary(self) -> str:
        """Return a few words for the layer's line in the chain, or nothing."""
        return ""


class Facts:
    """A lazy cache keyed by type; safe to ask from several threads."""

    def __init__(self, project: Project, host: Host, options: Options | None = None) -> None:
        self.project = project
        self.host = host
        self.options = options or Options()
        self._known: dict[type[Fact], Fact | UnstaleError] = {}
        self._took: dict[str, float] = {}
        self._running: set[str] = set()
        self._looks: dict[tuple[Callable[..., Any], str], Any] = {}
        self._locks: dict[object, threading.RLock] = {}
        self._guard = threading.Lock()
        self._asking = threading.local()

    def get(self, kind: type[F]) -> F:
        """Return the fact, gathering it at the first call. Raises Absent, Unavailable or Skipped, each time alike."""
        with self._guard:
            lock = self._locks.setdefault(kind, threading.RLock())
        with lock:
            if kind not in self._known:
                self._known[kind] = self._gather(kind)
            known = self._known[kind]
        if isinstance(known, UnstaleError):
            raise known.with_traceback(None)
        return known  # type: ignore[return-value]  # keyed by its own type

    def maybe(self, kind: type[F]) -> F | None:
        """Return the fact, or None where it is absent. Raises Unavailable or Skipped."""
        try:
            return self.get(kind)
        except Absent:
            return None

    def shared(self, look: Callable[[Host, str], T], place: str) -> T:
        """Return what the look at a place found, made once for all facts that need it; it is never recorded."""
        with self._guard:
            lock = self._locks.setdefault((look, place), threading.RLock())
        with lock:
            if (look, place) not in self._looks:
                self._looks[look, place] = look(self.host, place)
            return self._looks[look, place]  # type: ignore[no-any-return]  # keyed by its own look

    def again(self) -> Facts:
        """Return an empty cache on the same project and host, for after a change."""
        return Facts(self.project, self.host, self.options)

    def known(self) -> tuple[Fact, ...]:
        """Return the facts gathered so far."""
        with self._guard:
            return tuple(fact for fact in self._known.values() if isinstance(fact, Fact))

    @property
    def running(self) -> tuple[str, ...]:
        """Return the names of the facts that are being gathered now."""
        return tuple(sorted(self._running.copy()))

    @property
    def timings(self) -> dict[str, float]:
        """Return the seconds that each fact took, others that it asked for included."""
        return dict(self._took)

    def snapshot(self) -> dict[str, Any]:
        """Return what was seen as JSON values, for a replay."""
        return {name_of(kind): _record(known) for kind, known in self._known.items()}

    def _gather(self, kind: type[F]) -> F | UnstaleError:
        chain: list[type[Any]] = self._asking.__dict__.setdefault("chain", [])
        if kind in chain:
            msg = f"facts need each other: {' → '.join(name_of(each) for each in (*chain, kind))}"
            raise TypeError(msg)
        if kind.costly and self.options.fast:
            return Skipped(what="--fast", why=f"it needs {kind.costly}", next="Leave out --fast.")
        chain.append(kind)
        self._running.add(name_of(kind))
        began = self.host.now()
        try:
            return kind.gather(self)
        except (Absent, Unavailable, Skipped) as error:
            return error
        except OSError as error:
            return _unread(error)
        finally:
            chain.pop()
            self._running.discard(name_of(kind))
            self._took[name_of(kind)] = (self.host.now() - began).total_seconds()


def _unread(error: OSError) -> Unavailable:
    name, why = str(error.filename or "the machine"), error.strerror or str(error)
    if isinstance(error, FileNotFoundError | ProcessLookupError):
        ended = name.startswith("/proc/")
        what = f"process {name.split('/')[2]} ended" if ended else f"{name} is missing"
        return Unavailable(what=what, why=f"{name}: {why}", next="Look again.")
    shut = isinstance(error, PermissionError)
    following = "Run as a user who may read it." if shut else f"ls -l {name}"
    return Unavailable(what=f"cannot read {name}", why=why, next=following)


def name_of(kind: type[Fact]) -> str:
    """Return the fact's name in a recording: "git.Checkout"."""
    return f"{kind.__module__.rpartition('.')[2]}.{kind.__qualname__}"


def _record(known: Fact | UnstaleError) -> dict[str, Any]:
    if isinstance(known, UnstaleError):
        return {
            "error": type(known).__name__,
            "what": mask(known.what),
            "why": mask(known.why),
            "next": mask(known.next),
        }
    return {"fact": codec.encode(known)}
