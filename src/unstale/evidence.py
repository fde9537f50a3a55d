"""What was seen, where a person can see it again, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from unstale.redact import mask


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observation. `source` is the command, file or URL that shows it again; secrets are masked."""

    value: str
    source: str
    seen_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", mask(self.value))
        object.__setattr__(self, "source", mask(self.source))
