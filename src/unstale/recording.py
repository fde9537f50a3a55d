"""Facts from a recording: judged again without the machine that they were seen on."""

from __future__ import annotations

from typing import Any

from unstale import codec
from unstale.errors import Absent, Skipped, Unavailable, UnstaleError
from unstale.fact import F, Facts, Options, name_of
from unstale.host import Host
from unstale.project import Project


class RecordedFacts(Facts):
    """Facts from a snapshot; what it does not hold is unavailable, and nothing is looked at."""

    def __init__(
        self, project: Project, host: Host, options: Options, recorded: dict[str, Any]
    ) -> None:
        super().__init__(project, host, options)
        self._recorded = recorded

    def _gather(self, kind: type[F]) -> F | UnstaleError:
        record = self._recorded.get(name_of(kind))
        if not isinstance(record, dict):
            return Unavailable(
                what=f"{name_of(kind)} is not in the recording",
                why="the recorded run did not need it",
                next="Record again with the same options.",
            )
        try:
            if "error" in record:
                words = dict(record)
                return _ERRORS[words.pop("error")](**words)
            return codec.decode(kind, record["fact"])  # type: ignore[no-any-return]  # the codec's own type
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return Unavailable(
                what=f"{name_of(kind)} cannot be replayed",
                why=f"the recording is damaged or of another version ({type(error).__name__})",
                next="Record again with --record.",
            )


_ERRORS: dict[str, type[UnstaleError]] = {
    each.__name__: each for each in (Absent, Unavailable, Skipped)
}
