"""Which releases stay: the last committed ones, the serving one, its way back, and what holds data."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from changes import Clock
from test_schemas import valid

from unstale.deploy.home import Home, is_id, new_id, runtime_directory
from unstale.deploy.manifest import (
    COMMITTED,
    FAILED,
    READY,
    Built,
    Installed,
    Manifest,
    change,
    fail,
    read,
    releases,
    write,
)
from unstale.deploy.retention import prune_releases
from unstale.errors import Failed, Unavailable
from unstale.local import LocalHost

COMMIT = "a1b2c3d" + "0" * 33


class Yard:
    """A home with releases of a few bytes, at a clock's time."""

    def __init__(self, place: Path) -> None:
        self.host, self.home = Clock(), Home(place / "home")

    def add(self, status: str, **more: object) -> str:
        self.host.pass_by(minutes=1)
        name = new_id(self.host, self.home, COMMIT)
        self.host.makedirs(str(self.home.release(name)))
        now = self.host.now()
        made = Manifest(name, COMMIT, dirty=False, message="m", made_at=now, status=status, **more)  # type: ignore[arg-type]
        write(self.host, self.home, made)
        return name

    def prune(self, serving: str | None = None, keep: int = 5) -> tuple[str, ...]:
        return prune_releases(self.host, self.home, keep, serving)

    def names(self) -> list[str]:
        return sorted(os.listdir(self.home.releases))


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def test_seven_failed_deploys_leave_the_last_five_committed_ones(yard: Yard) -> None:
    good = [yard.add(COMMITTED) for _ in range(6)]
    bad = [yard.add(FAILED) for _ in range(7)]
    yard.prune(good[-1])
    assert yard.names() == [*good[1:], *bad], "a failed one stays for a day"
    yard.host.pass_by(days=1, seconds=60)
    said = yard.prune(good[-1])
    assert yard.names() == good[1:]
    assert len(said) == 7


def test_serving_release_and_its_way_back_stay_whatever_their_age(yard: Yard) -> None:
    back = yard.add(COMMITTED)
    serving = yard.add(COMMITTED, previous=back)
    later = [yard.add(COMMITTED) for _ in range(4)]
    yard.prune(serving, keep=1)
    assert yard.names() == [back, serving, later[-1]]


def test_what_is_needed_besides_stays(yard: Yard) -> None:
    first = yard.add(COMMITTED)
    serving = yard.add(COMMITTED)
    prune_releases(yard.host, yard.home, 1, serving, frozenset({first}))
    assert yard.names() == [first, serving]


def test_release_that_nobody_took_over_goes_after_a_day(yard: Yard) -> None:
    for status in (READY, "building"):
        yard.add(status)
    yard.prune()
    assert len(yard.names()) == 2
    yard.host.pass_by(days=1, seconds=60)
    yard.prune()
    assert yard.names() == []


def test_release_into_which_the_app_wrote_stays_and_is_named(yard: Yard) -> None:
    ready = yard.host.now()
    name = yard.add(COMMITTED, ready_at=ready)
    yard.add(COMMITTED)
    place = yard.home.release(name)
    for path, seconds in (
        ("app/main.py", -60),
        ("uploads/photo.jpg", 60),
        ("app/__pycache__/x.pyc", 60),
    ):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text("x")
        os.utime(place / path, (ready.timestamp() + seconds,) * 2)
    (said,) = yard.prune(keep=1)
    assert f"release {name} stays: the app wrote uploads/photo.jpg into it" in said
    (place / "uploads/photo.jpg").unlink()
    (said,) = yard.prune(keep=1)
    assert said.startswith(f"removed release {name}")


def test_link_out_of_a_release_is_not_followed(yard: Yard, tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_text("rows")
    name = yard.add(FAILED)
    (yard.home.release(name) / "shop.db").symlink_to(tmp_path / "shop.db")
    yard.host.pass_by(days=2)
    yard.prune()
    assert yard.names() == []
    assert (tmp_path / "shop.db").read_text() == "rows"


def test_deletion_that_was_cut_off_is_finished(yard: Yard) -> None:
    name = yard.add(COMMITTED)
    other = yard.home.releases / "20250101-000000-a1b2c3d.removing"
    other.mkdir()
    (other / "left.txt").write_text("x")
    yard.prune(name)
    assert yard.names() == [name]


def test_damaged_release_is_named_and_left(yard: Yard) -> None:
    texts = ("", "{", "[]", '{"schema": "unstale.release/2"}')
    names = [yard.add(COMMITTED) for _ in texts]
    for name, text in zip(names, texts, strict=True):
        (yard.home.release(name) / "manifest.json").write_text(text)
    empty = yard.add(COMMITTED)
    (yard.home.release(empty) / "manifest.json").unlink()
    found = releases(yard.host, yard.home, ("20200101-000000-0000000",))
    assert found.known == ()
    assert dict(found.damaged)[empty] == "it has no manifest"
    assert dict(found.damaged)["20200101-000000-0000000"] == "it is not there"
    assert {name for name, _ in found.damaged} == {*names, empty, "20200101-000000-0000000"}
    yard.prune(keep=1)
    assert yard.names() == sorted([*names, empty])


@pytest.mark.parametrize(
    "edit",
    [
        {"status": "splendid"},
        {"id": "20200101-000000-0000000"},
        {"made_at": 5},
        {"made_at": None},
        {"dirty": "no"},
        {"commit": None},
        {"environment": 7},
        {"front_ends": {"path": "x"}},
        {"front_ends": 3},
        {"heads": "a1b2"},
    ],
)
def test_manifest_that_was_edited_by_hand_is_damaged(yard: Yard, edit: dict[str, object]) -> None:
    name = yard.add(COMMITTED)
    path = yard.home.release(name) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **edit}))
    with pytest.raises(
        Unavailable, match=f"release {name} cannot be used: its manifest is damaged"
    ):
        read(yard.host, yard.home, name)
    assert releases(yard.host, yard.home).known == ()


def test_ready_release_with_its_marker_or_without_its_python_is_damaged(yard: Yard) -> None:
    half, bare = yard.add(READY), yard.add(READY)
    yard.home.marker(half).touch()
    change(yard.host, yard.home, bare, environment=Installed("uv.lock", "", "", "3.11.7"))
    found = dict(releases(yard.host, yard.home).damaged)
    assert "BUILDING is there" in found[half]
    assert "bin/python is gone" in found[bare]


def test_manifest_comes_back_as_it_was_and_is_of_its_schema(yard: Yard) -> None:
    now = datetime(2026, 11, 25, 10, 15, 30, tzinfo=UTC)
    name = yard.add(READY)
    whole = Manifest(
        id=name,
        commit=COMMIT,
        dirty=True,
        message="a subject",
        made_at=now,
        status=COMMITTED,
        tree="0" * 40,
        not_exported=("the submodule theirs",),
        linked=("app.db",),
        environment=Installed(
            "requirements.txt",
            "1" * 64,
            "2" * 64,
            "3.11.7",
            once=True,
            resolved=("a==1 --hash=sha256:0",),
        ),
        front_ends=(
            Built("web", "web/dist", "3" * 64, "4" * 64, "5" * 64, ("assets/a.js",), name),
        ),
        heads=("a1b2",),
        fingerprint="6" * 64,
        way_back="B",
        previous=name,
        ready_at=now,
        ended_at=now + timedelta(minutes=1),
        why="",
    )
    write(yard.host, yard.home, whole)
    assert read(yard.host, yard.home, name) == whole
    text = (yard.home.release(name) / "manifest.json").read_text()
    valid(text, "unstale.release/1")
    fail(yard.host, yard.home, yard.add("building"), "it hangs")
    for each in yard.names():
        valid((yard.home.release(each) / "manifest.json").read_text(), "unstale.release/1")


def test_name_sorts_after_all_others_when_the_clock_goes_back(yard: Yard) -> None:
    first = yard.add(COMMITTED)
    yard.host.pass_by(days=-400)
    second = yard.add(COMMITTED)
    assert is_id(first)
    assert is_id(second)
    assert yard.names() == [first, second]
    assert second.endswith("-a1b2c3d")


# --- the directory of sockets


def test_sockets_lie_in_the_home_where_its_path_is_short(tmp_path: Path) -> None:
    host, home = LocalHost(changing=True), Home(Path("/tmp") / f"h{os.getpid()}")
    try:
        place = runtime_directory(host, home)
        assert place == home.state / "run"
        assert place.stat().st_mode & 0o777 == 0o700
    finally:
        import shutil

        shutil.rmtree(home.path)


def test_socket_of_a_deep_home_has_a_short_path_of_its_own(tmp_path: Path) -> None:
    import socket

    host, homes = LocalHost(changing=True), [Home(tmp_path / ("x" * 80) / each) for each in "ab"]
    places = [runtime_directory(host, each) for each in homes]
    try:
        assert places[0] != places[1]
        for place in places:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(place / f"20261125-101530-a1b2c3d.{'w' * 10}.sock"))
        places[0].chmod(0o755)
        with pytest.raises(Failed, match="no directory of ours alone"):
            runtime_directory(host, homes[0])
    finally:
        import shutil

        for place in places:
            shutil.rmtree(place)
