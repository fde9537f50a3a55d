"""Which files a build copies, and where they go in the image."""

from __future__ import annotations

import pytest

from unstale.facts.build_context import copied
from unstale.facts.dockerfile import copies
from unstale.host import Entry


def places(
    dockerfile: str, *paths: str, ignore: str = "", target: str | None = None
) -> dict[str, str | None]:
    directories = {path.rpartition("/")[0] for path in paths} - {""}
    entries = [Entry(path, "dir", 0, 0, 0) for path in directories]
    entries += [Entry(path, "file", 0, 0, 0) for path in paths]
    found = copied(tuple(entries), ignore, copies(dockerfile, "/home", target))
    return {each.entry.path: each.target for each in found}


@pytest.mark.parametrize(
    ("instruction", "paths", "wanted"),
    [
        ("COPY . .", ("a.py", "b/c.py"), {"a.py": "/app/a.py", "b/c.py": "/app/b/c.py"}),
        ("COPY app /srv/app", ("app/x.py", "y.py"), {"app/x.py": "/srv/app/x.py"}),
        ("COPY app/ ./app/", ("app/x.py",), {"app/x.py": "/app/app/x.py"}),
        ("COPY run.sh /bin/start", ("run.sh",), {"run.sh": "/bin/start"}),
        ("COPY run.sh /bin/", ("run.sh",), {"run.sh": "/bin/run.sh"}),
        (
            "COPY a.txt b.txt /etc/",
            ("a.txt", "b.txt"),
            {"a.txt": "/etc/a.txt", "b.txt": "/etc/b.txt"},
        ),
        ("COPY *.txt ./", ("a.txt", "b/c.txt"), {"a.txt": "/app/a.txt"}),
        ('COPY ["a b.txt", "/x y/"]', ("a b.txt",), {"a b.txt": "/x y/a b.txt"}),
        ("COPY --chown=1:1 --chmod=755 run.sh .", ("run.sh",), {"run.sh": "/app/run.sh"}),
        ("ADD app.bin /x/", ("app.bin",), {"app.bin": "/x/app.bin"}),
        ("ADD app.tar.gz /x/", ("app.tar.gz",), {}),
        ("ADD app.tgz /x/", ("app.tgz",), {}),
        ("COPY app.tar.gz /x/", ("app.tar.gz",), {"app.tar.gz": "/x/app.tar.gz"}),
        ("COPY --exclude=b a /x", ("a",), {}),
        ("COPY --parents a/b /x/", ("a/b",), {}),
        ("COPY \\\n  # why\n  a.txt \\\n  /etc/", ("a.txt",), {"a.txt": "/etc/a.txt"}),
        ("COPY --from=other /a /b", ("a",), {}),
        ("COPY $SOURCE /b", ("a",), {}),
        ("ADD https://example.invalid/a /b", ("a",), {}),
        ("COPY <<EOF /etc/made\nCOPY a /a\nEOF", ("a",), {}),
        ("RUN <<EOF\nCOPY a /a\nEOF", ("a",), {}),
    ],
)
def test_instruction_says_what_goes_where(
    instruction: str, paths: tuple[str, ...], wanted: dict[str, str]
) -> None:
    assert places(f"FROM base\nWORKDIR /app\n{instruction}\n", *paths) == wanted


def test_tests_and_prose_are_left_out() -> None:
    assert places("FROM base\nCOPY . /", "README.md", "tests/a.py", "a/test_b.py", "c.py") == {
        "c.py": "/c.py"
    }


def test_image_without_a_workdir_has_its_bases() -> None:
    assert places("FROM base\nCOPY a.txt ./", "a.txt") == {"a.txt": "/home/a.txt"}


def test_former_stage_has_no_place_in_the_image_but_a_base_stage_has() -> None:
    text = (
        "FROM node AS front\nCOPY web/ /w/\nFROM base AS deps\nWORKDIR /d\nCOPY lock ./\n"
        "FROM deps\nCOPY --from=front /w/dist /s/\nCOPY app/ app/\n"
    )
    assert places(text, "web/a.js", "lock", "app/x.py") == {
        "web/a.js": None,
        "lock": "/d/lock",
        "app/x.py": "/d/app/x.py",
    }
    assert places(text, "web/a.js", "lock", target="front")["web/a.js"] == "/w/a.js"


def test_copy_is_plain_until_a_later_instruction_may_change_it() -> None:
    text = "FROM base AS one\nCOPY a /\nRUN x\nCOPY b /\nFROM one\nCOPY c /\nCOPY --from=z /q /\nCOPY d /\n"
    assert [each.plain for each in copies(text, "/")] == [False, False, False, True]
    text = "FROM base\nCOPY a /\nRUN <<EOF\nsed -i s/a/b/ /a\nEOF\nCOPY b /\n"
    assert [each.plain for each in copies(text, "/")] == [False, True]


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        ("*.db", {"a.py", "b/c.db"}),
        ("**/*.db", {"a.py"}),
        ("b", {"a.py"}),
        ("/b/", {"a.py"}),
        ("*\n!a.py", {"a.py"}),
        ("# words\n\n", {"a.py", "b/c.db"}),
        ("**\n!b/*.db", {"b/c.db"}),
        ("b/?.db", {"a.py"}),
    ],
)
def test_dockerignore_leaves_out_what_docker_does(ignore: str, left: set[str]) -> None:
    assert set(places("FROM base\nCOPY . /", "a.py", "b/c.db", ignore=ignore)) == left
