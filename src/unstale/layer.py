"""The links of the chain, and the words that judge them."""

from __future__ import annotations

from enum import Enum, IntEnum, StrEnum


class Layer(StrEnum):
    """A link of the chain; the order of definition is the order of repair."""

    GIT = "GIT"
    CONFIG = "CFG"
    ENVIRONMENT = "ENV"
    BYTECODE = "PYC"
    NODE = "NPM"
    BUILD = "BLD"
    DATABASE = "DBF"
    SCHEMA = "SCH"
    DOCKER = "DKR"
    SUPERVISOR = "SUP"
    PROCESS = "PRC"
    HTTP = "HTP"

    @property
    def words(self) -> str:
        """Return the words a report uses for the link."""
        return _TITLES[self]

    @property
    def position(self) -> int:
        """Return the place in the order of repair, from 0."""
        return list(Layer).index(self)


_TITLES = {
    Layer.GIT: "checkout",
    Layer.CONFIG: "configuration",
    Layer.ENVIRONMENT: "environment",
    Layer.BYTECODE: "bytecode",
    Layer.NODE: "node modules",
    Layer.BUILD: "front-end build",
    Layer.DATABASE: "database",
    Layer.SCHEMA: "schema",
    Layer.DOCKER: "containers",
    Layer.SUPERVISOR: "supervisors",
    Layer.PROCESS: "processes",
    Layer.HTTP: "HTTP",
}


class Severity(StrEnum):
    """How much a difference matters: now, later, or only to know."""

    STALE = "stale"
    RISK = "risk"
    NOTE = "note"


class State(StrEnum):
    """What is known of a layer; the order of definition is from worst to best."""

    STALE = "stale"
    UNKNOWN = "unknown"
    RISK = "risk"
    FRESH = "fresh"
    SKIPPED = "skipped"
    ABSENT = "absent"

    @classmethod
    def worst(cls, states: list[State]) -> State:
        """Return the worst state, ABSENT for none."""
        order = list(cls)
        return min(states, key=order.index, default=cls.ABSENT)


class Risk(IntEnum):
    """What an action may cost."""

    SAFE = 0
    DISRUPTIVE = 1
    DESTRUCTIVE = 2
    MANUAL = 3

    @property
    def word(self) -> str:
        """Return the lower-case word of the contract."""
        return self.name.lower()


class Standing(Enum):
    """Whether a process may be signalled (OURS) or only named in evidence (SEEN)."""

    OURS = "ours"
    SEEN = "seen"
