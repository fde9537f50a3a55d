"""Masks secrets where evidence is made, so that no later door has to."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"

_SECRET_WORD = (
    r"(?:secret|token|passw(?:or)?d|passphrase|(?<!by)(?<!com)pass(?![a-z])|pwd|api[-_]?key|key(?!error\b)"
    r"|dsn|credential|auth)"
)
# a password may hold "/" and "@"; a port and a path behind it are none
_USERINFO = re.compile(r"(?<=://)([^/\s:@\['\"]*):(?!\d{1,5}(?:[/?#,\s]|$))([^\s'\"]+)@")
_USER_IS_TOKEN = re.compile(r"(?<=://)([^/\s:@\['\"]+)@")
_ASSIGNMENT = re.compile(
    rf"(?i)(?<![\w/.-])([\w-]*{_SECRET_WORD}[\w-]*)(['\"\]]{{0,2}}\s*=(?!=)\s*|['\"\]]{{1,2}}\s*:\s*|\s*:\s+)"
    r"(\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
)
_SECRET_FLAG = re.compile(rf"(?i)--?[\w-]*{_SECRET_WORD}[\w-]*")
_SECRET_WORD_SET = re.compile(rf"(?i)([\w.-]*{_SECRET_WORD}[\w.-]*=)(.+)", re.DOTALL)
_SHORTEST = 6
_FLAG = re.compile(rf"(?i)(--?[\w-]*{_SECRET_WORD}[\w-]*)(\s+)(?!-)(\S+)")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")


def mask(text: str) -> str:
    """Return the text with passwords in URLs, secret assignments and flags masked.

    >>> mask("postgresql://app:hunter2@db/app --api-key abc SECRET_KEY=xyz")
    'postgresql://app:***@db/app --api-key *** SECRET_KEY=***'
    """
    text = _USERINFO.sub(rf"\1:{MASK}@", text)
    text = _USER_IS_TOKEN.sub(_token, text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _FLAG.sub(rf"\1\2{MASK}", text)
    return _ASSIGNMENT.sub(rf"\1\2{MASK}", text)


def _token(found: re.Match[str]) -> str:
    """Mask a lone user name of a web address, which is a token; a database's is a name."""
    web = re.search(r"https?://$", found.string[: found.start()])
    return f"{MASK}@" if web else found[0]


def mask_words(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return an argv with each secret masked, spaces in it or not."""
    shown: list[str] = []
    for word, before in zip(words, ("", *words), strict=False):
        given = _SECRET_WORD_SET.fullmatch(word)
        if _SECRET_FLAG.fullmatch(before) and not word.startswith("-"):
            shown.append(MASK)
        else:
            shown.append(f"{given[1]}{MASK}" if given else word)
    whole = mask(
        " \x1f ".join(shown)
    )  # a separator that counts as space: a secret may be the next word
    return tuple(word.strip() for word in whole.split("\x1f")) if words else ()


def hide(text: str, values: Iterable[str]) -> str:
    """Return the masked text without these values, whatever stands before them; paths and short ones stay."""
    hidden = {each for each in values if len(each) >= _SHORTEST and not each.startswith("/")}
    for value in sorted(hidden, key=len, reverse=True):
        text = text.replace(value, MASK)
    return mask(text)


def without_password(url: str) -> str:
    """Return the URL without its password, which nothing here needs."""
    return mask(_USERINFO.sub(r"\1@", url))


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
