"""What can go wrong, and what to do next.

UnstaleError
├── UsageError      a wrong word, option, setting or path; nothing was touched      exit 2
│   └── Refused     consent is missing or something vetoes the change               exit 2
├── Locked          another run holds the lock                                      exit 5
├── Halted          a change stopped half-way and needs a person                    exit 3
├── Failed          a step did not do what it promised; what it did was taken back  exit 1
├── Absent          no such part here, or its run-time is not in use                a layer's state
├── Unavailable     in use here, but it could not be looked at                      a layer's state
└── Skipped         left out by a flag                                              a layer's state
"""

from __future__ import annotations

from typing import ClassVar


class UnstaleError(Exception):
    """Something that a person can act on: what happened, why, and what to do next."""

    exit: ClassVar[int] = 2

    def __init__(self, *, what: str, why: str, next: str) -> None:  # noqa: A002 - the contract's word
        super().__init__(f"{what}: {why}. {next}")
        self.what = what
        self.why = why
        self.next = next


class UsageError(UnstaleError):
    """A wrong word, option, setting or path, found before anything was touched."""


class Refused(UsageError):
    """Consent is missing, or a veto stands; nothing was touched."""


class Locked(UnstaleError):
    """Another run holds the project's lock."""

    exit: ClassVar[int] = 5


class Halted(UnstaleError):
    """A change stopped half-way; a person must decide."""

    exit: ClassVar[int] = 3


class Failed(UnstaleError):
    """A step did not do what it promised."""

    exit: ClassVar[int] = 1


class Absent(UnstaleError):
    """There is no such part here, or its run-time is not in use on this machine."""


class Unavailable(UnstaleError):
    """A part is in use here, but it could not be looked at."""


class Skipped(UnstaleError):
    """A flag left this out; `what` is the flag."""
