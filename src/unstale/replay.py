"""A host that writes every look down, and one that answers from what was written: facts without their machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, get_type_hints

from unstale import codec
from unstale.errors import Unavailable
from unstale.host import Host

LOOKS = (
    *("now", "uptime", "ticks_per_second", "read", "stat", "names", "readlink", "real", "walk"),
    *("which", "environ", "run", "get", "query_copy", "hash", "alive", "sleep"),
)

Look = Callable[..., Any]


class RecordingHost:
    """Looks through another host and keeps each answer, errors too; it changes nothing."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._guard = threading.Lock()
        self.answers: dict[str, list[dict[str, Any]]] = {}
        """Each look's answers in order, as JSON values."""

    def __getattr__(self, name: str) -> Look:
        look = getattr(self._host, _known(name))

        def recorded(*args: Any, **more: Any) -> Any:
            try:
                answer = look(*args, **more)
            except OSError as error:
                self._keep(
                    name, args, more, {"oserror": [error.errno, error.strerror, error.filename]}
                )
                raise
            except Unavailable as error:
                words = {"what": error.what, "why": error.why, "next": error.next}
                self._keep(name, args, more, {"unavailable": words})
                raise
            self._keep(name, args, more, {"answer": codec.encode(answer)})
            return answer

        return recorded

    def _keep(self, name: str, args: Any, more: Any, answer: dict[str, Any]) -> None:
        with self._guard:
            self.answers.setdefault(_key(name, args, more), []).append(answer)


class ReplayHost:
    """Answers what a RecordingHost was asked, in the same order; a look that was not recorded is unavailable."""

    def __init__(self, answers: dict[str, list[dict[str, Any]]]) -> None:
        self._left = {key: list(each) for key, each in answers.items()}

    def __getattr__(self, name: str) -> Look:
        kind = _answered(_known(name))

        def replayed(*args: Any, **more: Any) -> Any:
            left = self._left.get(_key(name, args, more))
            if not left:
                raise Unavailable(
                    what=f"{name} was not recorded",
                    why=_key(name, args, more),
                    next="Record again with the same options.",
                )
            told = left.pop(0) if len(left) > 1 else left[0]
            if "oserror" in told:
                raise OSError(*told["oserror"])
            if "unavailable" in told:
                raise Unavailable(**told["unavailable"])
            return codec.decode(kind, told["answer"])

        return replayed


def _known(name: str) -> str:
    if name not in LOOKS:
        msg = f"a recorded host only looks: {name}"
        raise AttributeError(msg)
    return name


@cache
def _answered(name: str) -> Any:
    return get_type_hints(getattr(Host, name))["return"]


def _key(name: str, args: Any, more: Any) -> str:
    return json.dumps([name, codec.encode(args), codec.encode(more)], sort_keys=True)
