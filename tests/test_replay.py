"""Facts from what a host was asked and answered, without their machine."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, cast

import pytest

from unstale.check import catalogue
from unstale.detect import find_project
from unstale.errors import Unavailable, UnstaleError
from unstale.fact import Facts, Options
from unstale.host import Host
from unstale.local import LocalHost
from unstale.replay import LOOKS, RecordingHost, ReplayHost

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Site

KINDS = tuple(dict.fromkeys(kind for each in catalogue() for kind, _ in each.needs))


def gathered(facts: Facts) -> dict[str, object]:
    """Gather one after the other, so that a replay is asked in the same order."""
    for kind in KINDS:
        with suppress(UnstaleError):
            facts.get(kind)
    return facts.snapshot()


def test_every_fact_is_gathered_the_same_from_a_recording(site: Site) -> None:
    with closing(sqlite3.connect(site.root / "shop.db")) as database:
        database.execute("CREATE TABLE item (id INTEGER)")
        database.commit()
    site.write(".env", "DATABASE_URL=sqlite:///./shop.db\n")
    site.serve()
    site.old()
    site.write("app/words.py", 'GREETING = "two"\n')
    project = find_project(site.root, LocalHost())
    recording = RecordingHost(LocalHost())
    live = gathered(Facts(project, cast("Host", recording), Options(offline=True)))
    assert sum("fact" in each for each in live.values()) > 12
    answers = json.loads(json.dumps(recording.answers))

    site.end()
    shutil.rmtree(site.root)
    replayed = gathered(Facts(project, cast("Host", ReplayHost(answers)), Options(offline=True)))
    assert replayed == live


def test_errors_are_replayed_as_they_were(tmp_path: Path) -> None:
    recording = RecordingHost(LocalHost())
    missing = str(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        recording.read(missing)
    with pytest.raises(Unavailable, match="no-such-program"):
        recording.run(("no-such-program",))
    replay = ReplayHost(recording.answers)
    with pytest.raises(FileNotFoundError) as error:
        replay.read(missing)
    assert error.value.filename == missing
    with pytest.raises(Unavailable, match="no-such-program"):
        replay.run(("no-such-program",))


def test_look_that_was_not_recorded_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="was not recorded"):
        ReplayHost({}).read("/etc/hostname")


def test_answers_come_in_order_and_the_last_one_stays(tmp_path: Path) -> None:
    recording, file = RecordingHost(LocalHost()), tmp_path / "file"
    for text in ("one", "two"):
        file.write_text(text)
        recording.read(str(file))
    replay = ReplayHost(recording.answers)
    assert [replay.read(str(file)) for _ in range(3)] == [b"one", b"two", b"two"]


def test_recorded_hosts_only_look() -> None:
    changing = [
        name
        for name in vars(Host)
        if not name.startswith("_") and name not in (*LOOKS, "held_open")
    ]
    assert len(changing) > 8
    for name in changing:
        assert not hasattr(RecordingHost(LocalHost(changing=True)), name)
        assert not hasattr(ReplayHost({}), name)
