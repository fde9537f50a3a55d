from __future__ import annotations

import importlib.util
import json
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

import unstale

GUARD = Path(str(unstale.__file__)).parent / "guard/bytecode.py"
BEFORE = "LIMITS = frozenset({'one', 'two', 'three'})\n\n\ndef price(net):\n    return net * 1\n"


def judged(source: Path, pyc: Path) -> str:
    asked = json.dumps([{"source": str(source), "pyc": str(pyc)}])
    argv = [sys.executable, "-I", "-B", str(GUARD)]
    done = subprocess.run(argv, input=asked, capture_output=True, text=True, check=True)
    words: list[str] = json.loads(done.stdout)
    return words[0]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    source = tmp_path / "prices.py"
    source.write_text(BEFORE)
    return source, Path(str(py_compile.compile(str(source), doraise=True)))


@pytest.mark.parametrize(
    ("now", "word"),
    [
        (BEFORE, "same"),
        (BEFORE.replace("* 1", "* 2"), "differs"),
        (BEFORE.replace("* 1", "* True"), "differs"),
        (f"# a comment\n{BEFORE}", "layout"),
        (BEFORE.replace("'one', 'two', 'three'", "'three', 'two', 'one'"), "same"),
        ("def price(net:\n", "differs"),
    ],
)
def test_content_is_compared_as_code(pair: tuple[Path, Path], now: str, word: str) -> None:
    source, pyc = pair
    source.write_text(now)
    assert judged(source, pyc) == word


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"", "foreign"),
        (b"\x55\x0d\r\n" + bytes(12), "foreign"),
        (importlib.util.MAGIC_NUMBER + bytes(12), "unreadable"),
        (importlib.util.MAGIC_NUMBER + bytes(12) + b"N", "unreadable"),
        (importlib.util.MAGIC_NUMBER + bytes(12) + b"garbage", "unreadable"),
    ],
)
def test_broken_bytecode_has_a_word(pair: tuple[Path, Path], raw: bytes, word: str) -> None:
    source, pyc = pair
    pyc.write_bytes(raw)
    assert judged(source, pyc) == word


def test_nothing_is_written_and_nothing_runs(pair: tuple[Path, Path]) -> None:
    source, pyc = pair
    source.write_text("open('ran', 'w')\n")
    before = sorted(source.parent.rglob("*"))
    assert judged(source, pyc) == "differs"
    assert sorted(source.parent.rglob("*")) == before


def test_optimised_bytecode_is_compiled_at_its_own_level(pair: tuple[Path, Path]) -> None:
    source, _ = pair
    source.write_text("assert True\nNAME = 'a'\n")
    optimised = Path(str(py_compile.compile(str(source), doraise=True, optimize=1)))
    assert judged(source, optimised) == "same"
