"""Masks secrets where evidence is made, so that no later door has to."""

from __future__ import annotations

import re

MASK = "***"

_SECRET_WORD = r"(?:secret|token|passw(?:or)?d|pwd|api[-_]?key|key|dsn|credential|auth)"
_USERINFO = re.compile(r"(?<=://)([^/\s:@'\"]*):([^/\s@'\"]+)@")
_ASSIGNMENT = re.compile(
    rf"(?i)(?<![\w/.-])([\w-]*{_SECRET_WORD}[\w-]*)(\s*[=:]\s*|=)(\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
)
_FLAG = re.compile(rf"(?i)(--?[\w-]*{_SECRET_WORD}[\w-]*)(\s+)(?!-)(\S+)")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")


def mask(text: str) -> str:
    """Return the text with passwords in URLs, secret assignments and flags masked.

    >>> mask("postgresql://app:hunter2@db/app --api-key abc SECRET_KEY=xyz")
    'postgresql://app:***@db/app --api-key *** SECRET_KEY=***'
    """
    text = _USERINFO.sub(rf"\1:{MASK}@", text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _FLAG.sub(rf"\1\2{MASK}", text)
    return _ASSIGNMENT.sub(rf"\1\2{MASK}", text)


def printable(text: str) -> str:
    """Return the text with control characters and undecodable bytes (PEP 383) escaped as `\\xNN`."""
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if character == "\n":
        return "\\n"
    if code < 0x20 or 0x7F <= code < 0xA0:
        return f"\\x{code:02x}"
    return character
