"""The points about what runs now: processes, health routes, logs, and the time since the start."""

from __future__ import annotations

from datetime import timedelta

from unstale.checklist.judged import BROWSER, CONFIGURATION, HEALTH, PROCESSES, judged, known
from unstale.checklist.point import Failure, Seen, Topic
from unstale.errors import Absent, Unavailable
from unstale.evidence import Evidence
from unstale.fact import Facts
from unstale.facts.app_processes import AppProcesses
from unstale.facts.docker import Containers
from unstale.facts.http import Served
from unstale.facts.logs import Log, Logs
from unstale.report import Report

WINDOW = timedelta(minutes=10)
"""How long a start is watched: the folk guide says 5 to 10 minutes."""
LOGS = Topic("logs", "The servers wrote no error since they started", (9,))
WATCH = Topic("watch", "The servers have run for 10 minutes without an error", (10,))
_REPAIR = "repair the cause and restart: a log counts from the start"
_IN_CONTAINERS = "it runs in containers, which are a point of their own"


def processes(facts: Facts, report: Report) -> Seen:
    """Return what runs; that nothing does is not known to be right."""
    seen = judged(PROCESSES, report)
    if not (seen.evidence or seen.unknown or seen.failures):
        found = known(facts, AppProcesses)
        outside = [each for each in found.processes if each.owner != "container"] if found else []
        if outside:
            seen.unknown.append("no check could judge what runs")
        elif found or known(facts, Containers):
            seen.nothing = _IN_CONTAINERS
        else:
            seen.unknown.append("no process of this project runs")
    return seen


def configuration(facts: Facts, report: Report) -> Seen:
    """Return what the processes were configured with; without any it is not known."""
    seen = judged(CONFIGURATION, report)
    found = known(facts, AppProcesses) or known(facts, Containers)
    if not (seen.evidence or seen.unknown or seen.failures or found):
        seen.unknown.append("no process of this project runs")
    return seen


def browser(facts: Facts, report: Report) -> Seen:
    """Return how pages are cached; without an answer it is not known."""
    seen = _answered(facts, judged(BROWSER, report))
    seen.nothing = f"no page names the files of a build: {seen.nothing}"
    return seen


def health(facts: Facts, report: Report) -> Seen:
    """Return what the health routes answer: one that says it is not well fails the point too."""
    seen = _answered(facts, judged(HEALTH, report))
    seen.nothing = "the app has no health route; unstale-health has some to import"
    served = known(facts, Served)
    if served is None:
        return seen
    for each in served.health:
        if each.status >= 500:  # noqa: PLR2004 - RFC 9110, 15.6
            have = Evidence(f"HTTP {each.status}", f"curl -i {each.url}", served.seen_at)
            words = (f"route {each.url}", "it says that the app is not well")
            seen.failures.append(Failure(*words, "cure what its body names", evidence=(have,)))
        elif each.status >= 300:  # noqa: PLR2004 - RFC 9110, 15.4
            seen.unknown.append(f"{each.url} answers HTTP {each.status}")
    return seen


def logs(facts: Facts) -> Seen:
    """Return what the servers wrote: an error that may be of a former start is not known to be one of this."""
    seen = Seen(LOGS, "unstale checklist")
    found = _logs(facts, seen)
    if found is None:
        return seen
    for each in found.logs:
        if each.errors:
            evidence = tuple(Evidence(words, each.source, found.seen_at) for words in each.newest)
            because = f"{_count(each.errors, 'error')} since it started, the newest first"
            seen.failures.append(Failure(each.subject, because, _REPAIR, evidence=evidence))
        elif each.unread:
            seen.unknown.append(f"{each.subject}: {each.unread}")
        elif each.doubtful:
            words = f"{_count(each.doubtful, 'error')}, whether since it started is not known"
            seen.unknown.append(
                f"{each.subject}: {words}; the newest: {each.newest[0]}; {each.whose}"
            )
        else:
            value = f"{each.subject}: no error, {_failures(each)}{each.whose}"
            seen.evidence.append(Evidence(value, each.source, found.seen_at))
    return seen


def watch(facts: Facts) -> Seen:
    """Return whether the window has passed since the last start, with what was seen in it."""
    seen = Seen(WATCH, "unstale checklist")
    found = _logs(facts, seen)
    if found is None:
        return seen
    for each in found.logs:
        if each.errors:
            because = f"{_count(each.errors, 'error')} since it started: see logs"
            seen.failures.append(Failure(each.subject, because, _REPAIR))
        elif each.unread or each.doubtful or each.started_at is None:
            seen.unknown.append(f"{each.subject}: what it wrote since it started is not known")
        else:
            up = found.seen_at - each.started_at
            since = f"since {each.started_at:%Y-%m-%d %H:%M:%S} UTC"
            value = f"{each.subject}: up for {up.total_seconds() // 60:.0f} minutes, {since}, {_failures(each)}no error"
            seen.evidence.append(Evidence(value, each.source, found.seen_at))
            if up < WINDOW:
                end = f"{each.started_at + WINDOW:%H:%M:%S} UTC"
                seen.unknown.append(
                    f"{each.subject} started {up.total_seconds() // 60:.0f} minutes ago; the window ends at {end}"
                )
    return seen


def _logs(facts: Facts, seen: Seen) -> Logs | None:
    try:
        return facts.get(Logs)
    except (Absent, Unavailable) as error:
        seen.unknown.append(error.why)
        return None


def _failures(each: Log) -> str:
    return f"{_count(each.failures, 'answer')} 5xx, " if each.failures else ""


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _answered(facts: Facts, seen: Seen) -> Seen:
    if not (seen.evidence or seen.unknown or seen.failures) and known(facts, Served) is None:
        seen.unknown.append("no server of this project answers: start the app, or add --url")
    return seen
