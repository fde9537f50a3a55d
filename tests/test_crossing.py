"""A move to another filesystem: everything arrives as it was, and a crash leaves the source whole or the target."""

from __future__ import annotations

import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from changes import filled, mounted

from unstale import crossing, hands
from unstale.errors import Failed


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Path]:
    """A directory on another filesystem: in the machine's shared memory, else mounted for the test."""
    memory = Path("/dev/shm")
    if memory.is_dir() and memory.stat().st_dev != tmp_path.stat().st_dev:
        with tempfile.TemporaryDirectory(dir=memory, prefix="unstale-test-") as place:
            yield Path(place)
    else:
        with mounted(tmp_path / "other", "64m") as mount:
            yield mount


def tree(top: Path) -> Path:
    """Everything that a project's directory may hold."""
    (top / "deep/er").mkdir(parents=True)
    (top / "empty").mkdir()
    (top / "deep/file").write_text("content")
    (top / "deep/none").touch()
    os.link(top / "deep/file", top / "deep/er/same")
    (top / "link").symlink_to("deep/file")
    (top / "dangling").symlink_to("/nowhere/at all")
    (top / os.fsdecode(b"od\xffd\n name")).write_bytes(b"\0\xff" * 5000)
    (top / "deep/tool").write_text("#!/bin/sh\n")
    (top / "deep/tool").chmod(0o755)
    (top / "deep/secret").write_text("x")
    (top / "deep/secret").chmod(0o600)
    (top / "shut").mkdir()
    (top / "shut/file").write_text("y")
    (top / "shut").chmod(0o555)
    for path in (*top.rglob("*"), top):
        os.utime(path, ns=(10**18, 10**18 + 123_456_789), follow_symlinks=False)
    return top


def snapshot(top: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in [top, *sorted(top.rglob("*"))]:
        seen = path.lstat()
        content: object = None
        if stat.S_ISLNK(seen.st_mode):
            content = os.readlink(path)
        elif stat.S_ISREG(seen.st_mode):
            content = path.read_bytes()
        what = (oct(seen.st_mode), seen.st_uid, seen.st_gid, seen.st_mtime_ns, content)
        found[str(path.relative_to(top))] = what
    return found


def test_everything_arrives_as_it_was(tmp_path: Path, other: Path) -> None:
    source = tree(tmp_path / "tree")
    before = snapshot(source)
    hands.rename(str(source), str(other / "new/tree"))
    target = other / "new/tree"
    assert snapshot(target) == before
    assert os.path.samefile(target / "deep/file", target / "deep/er/same")
    assert not source.exists()
    hands.rename(str(target), str(source))
    assert snapshot(source) == before
    assert [each.name for each in tmp_path.iterdir() if each != other] == ["tree"]
    assert list((other / "new").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file a capability")
def test_extended_attributes_arrive(tmp_path: Path, other: Path) -> None:
    """A capability, as `setcap cap_net_bind_service+ep` writes it (capabilities(7), VFS_CAP_REVISION_2)."""
    source = tmp_path / "server"
    source.write_text("x")
    bind = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)
    os.setxattr(source, "security.capability", bind)
    hands.rename(str(source), str(other / "server"))
    assert os.getxattr(other / "server", "security.capability") == bind


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_single_file_or_link_moves_too(tmp_path: Path, other: Path, kind: str) -> None:
    source = tmp_path / "one"
    source.symlink_to("x") if kind == "link" else source.write_text("x")
    hands.rename(str(source), str(other / "one"))
    assert (other / "one").is_symlink() == (kind == "link")
    assert not os.path.lexists(source)


def killed_at(number: int, source: Path, target: Path) -> bool:
    """Move in a child that is killed before its call of that number on files; return whether it was."""
    child = os.fork()
    if child == 0:
        left = number

        def count(event: str, arguments: object) -> None:
            nonlocal left
            if event == "open" or event.startswith(("os.", "shutil.")):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            hands.rename(str(source), str(target))
            os._exit(0)
        except (OSError, Failed):
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


def test_kill_at_every_call_leaves_the_source_whole_or_the_target(
    tmp_path: Path, other: Path
) -> None:
    before = snapshot(tree(tmp_path / "master"))
    number, left = 0, set()
    killed = True
    while killed:
        number += 1
        source, target = tmp_path / f"{number}/tree", other / f"{number}/tree"
        tree(source)
        killed = killed_at(number, source, target)
        state = (source.exists(), target.exists())
        left.add(state)
        for path, there in zip((source, target), state, strict=True):
            assert not there or snapshot(path) == before, (number, path)
        assert any(state), number
        if killed and not target.exists():  # what follows a crash: the same move again
            hands.rename(str(source), str(target))
            assert snapshot(target) == before
            assert [each.name for each in target.parent.iterdir()] == ["tree"]
    assert number > 60
    assert left == {(True, False), (True, True), (False, True)}
    print(f"\nkilled at {number - 1} calls: source whole, target whole, or both")


def test_remains_of_a_killed_move_go_with_the_next(tmp_path: Path, other: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    tree(tmp_path / f".unstale-{ended.pid}-departing")
    tree(tmp_path / f".unstale-{os.getpid()}-departing")  # of one that is at work
    tree(other / f".unstale-{ended.pid}-arriving-1")
    hands.rename(str(tree(tmp_path / "tree")), str(other / "tree"))
    names = [each.name for each in (*tmp_path.iterdir(), *other.iterdir()) if each != other]
    assert sorted(names) == [f".unstale-{os.getpid()}-departing", "tree"]


def test_full_target_leaves_the_source_and_no_remains(tmp_path: Path) -> None:
    source = tree(tmp_path / "tree")
    (source / "large").write_bytes(b"x" * (2 << 20))
    before = snapshot(source)
    with mounted(tmp_path / "small", "1m") as small:
        with pytest.raises(OSError, match="No space left"):
            hands.rename(str(source), str(small / "tree"))
        assert list(small.iterdir()) == []
        filled(small)
        with pytest.raises(OSError, match="No space left"):
            hands.replace(str(small / "file"), b"x" * 5000, 0o600)
        assert [each.name for each in small.iterdir()] == ["ballast"]
    assert snapshot(source) == before


def test_what_cannot_be_copied_is_said_and_nothing_moves(tmp_path: Path, other: Path) -> None:
    source = tree(tmp_path / "tree")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(source / "socket"))
        with pytest.raises(Failed, match="a socket, a pipe or a device"):
            hands.rename(str(source), str(other / "tree"))
    assert (source / "deep/file").read_text() == "content"
    assert list(other.iterdir()) == []


def test_source_that_is_written_to_meanwhile_is_not_lost(
    tmp_path: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the copy, before the source is out of the way: a writer that has the file open."""
    source = tree(tmp_path / "tree")
    real, looks = crossing._marks, []

    def late(path: str) -> crossing.Marks:
        looks.append(path)
        if len(looks) == 2:
            Path(path, "deep/file").write_text("written meanwhile")
        return real(path)

    monkeypatch.setattr(crossing, "_marks", late)
    with pytest.raises(Failed, match="it was changed while it was copied"):
        hands.rename(str(source), str(other / "tree"))
    assert (source / "deep/file").read_text() == "written meanwhile"
    assert list(other.iterdir()) == []
    assert [each.name for each in tmp_path.iterdir() if each != other] == ["tree"]


def test_something_mounted_inside_is_not_moved(tmp_path: Path, other: Path) -> None:
    source = tree(tmp_path / "tree")
    with mounted(source / "volume", "1m") as volume:
        (volume / "data").write_text("x")
        with pytest.raises(Failed, match="a filesystem is mounted at"):
            hands.rename(str(source), str(other / "tree"))
        assert (volume / "data").read_text() == "x"
    assert list(other.iterdir()) == []


def test_ten_thousand_files_cross_in_seconds(tmp_path: Path, other: Path) -> None:
    source = tmp_path / "many"
    source.mkdir()
    for number in range(10_000):
        (source / str(number)).write_bytes(b"x")
    began = time.perf_counter()
    hands.rename(str(source), str(other / "many"))
    took = time.perf_counter() - began
    print(f"\n10,000 files crossed in {took:.2f} s: {10_000 / took:,.0f} files/s")
    assert took < 20
