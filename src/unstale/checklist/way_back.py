"""The point about the way back: what unstale could take back, held against the machine."""

from __future__ import annotations

from unstale.checklist.point import Failure, Seen, Topic
from unstale.errors import UnstaleError
from unstale.evidence import Evidence
from unstale.fact import Facts
from unstale.history import history
from unstale.journal import Journal
from unstale.redact import mask
from unstale.undo import last_undoable
from unstale.verify import verify

WAY_BACK = Topic("way_back", "There is a way back, and it is whole")
_NO_RELEASE = "no release was deployed by unstale"


def way_back(facts: Facts) -> Seen:
    """Return what `unstale undo` would take back; reads each database whole that it would put back."""
    seen = Seen(WAY_BACK, "unstale log --verify")
    journal = Journal(facts.project.state)
    try:
        run = last_undoable(journal)
        found = verify(journal, facts.host, run) if run else None
    except (UnstaleError, OSError) as error:
        following = error.next if isinstance(error, UnstaleError) else "unstale log"
        seen.failures.append(Failure("the journal", mask(str(error)), following))
        return seen
    if run is None or found is None:
        seen.unknown.append(f"{_NO_RELEASE}, and it changed nothing here that it could take back")
        return seen
    if not found.undoable and not found.doubts:
        seen.unknown.append(
            f"{_NO_RELEASE}, and what it kept of {run} was removed within the limits"
        )
        return seen
    past = history(journal.lines())
    begun = past.begun(run)
    titles = ", ".join(each.title for each in past.open(run))
    when = f" of {begun.at:%Y-%m-%d %H:%M:%S} UTC" if begun else ""
    for doubt in found.doubts:
        words = (f"step {doubt.step} of {doubt.run}", doubt.because, doubt.next)
        seen.failures.append(Failure(*words))
    value = f"unstale undo takes back {run}{when}: {titles}; {_NO_RELEASE}"
    seen.evidence.append(Evidence(value, f"unstale log {run}", facts.host.now()))
    return seen
