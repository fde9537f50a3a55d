"""A release's front end: installed from the lock, built, or taken from a release of the same inputs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from changes import Clock
from front import BUILD
from release_yard import committed, facts_of, head, home, known, releasable, released

from unstale.actions.make_release import FinishRelease, MakeRelease
from unstale.actions.release_front_end import ReleaseFrontEnd
from unstale.actions.releasing import Wanted, releasing
from unstale.deploy.assets import AGE, prune_assets, publish
from unstale.deploy.front_end import inputs
from unstale.deploy.home import Home
from unstale.deploy.manifest import Manifest, read
from unstale.facts.processes import ProcessTable
from unstale.journal import Journal
from unstale.local import LocalHost
from unstale.perform import Outcome
from unstale.project import Frontend
from unstale.recover import recover, undecided

if TYPE_CHECKING:
    from conftest import Site

ROOT = Path(__file__).parent.parent.parent
MANIFEST = """\
{"name": "web", "version": "1.0.0", "scripts": {"build": "node build.mjs"}, "dependencies": {"is-number": "7.0.0"}}
"""


@pytest.fixture
def shop(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("XDG_STATE_HOME", str(site.state))
    releasable(site)
    site.write("web/package.json", MANIFEST)
    site.write("web/build.mjs", f"import 'is-number';\n{BUILD}")
    site.write("web/src/main.js", "console.log('one', import.meta.env.VITE_TITLE)\n")
    site.write("web/.env", "VITE_TITLE=First\n")
    site.write(
        ".gitignore",
        "__pycache__/\n.unstale/\n*.db*\n.env\nuploads/*\n.venv/\ndist/\nnode_modules/\n",
    )
    words = ["npm", "install", "--package-lock-only", "--no-audit", "--no-fund"]
    subprocess.run(words, cwd=site.root / "web", check=True, capture_output=True)
    site.commit("front end")
    return site


def built(site: Site) -> tuple[Manifest, list[Outcome]]:
    """Release the commit's code and front end and return its manifest."""
    facts = facts_of(site)
    steps = releasing(facts, Wanted(head(site), server="uvicorn"))
    wanted = (MakeRelease, ReleaseFrontEnd, FinishRelease)
    outcomes = released(facts, *(each for each in steps if isinstance(each, wanted)))
    manifests = known(site)
    return (manifests[-1] if manifests else None), outcomes  # type: ignore[return-value]


def assets(site: Site) -> list[str]:
    place = home(site).assets
    return sorted(str(each.relative_to(place)) for each in place.rglob("*") if each.is_file())


def test_front_end_is_installed_from_the_lock_and_built(shop: Site) -> None:
    lock = (shop.root / "web/package-lock.json").read_bytes()
    manifest, outcomes = built(shop)
    assert outcomes[-1].state == "done", outcomes[-1].note
    place = home(shop).release(manifest.id) / "web"
    (front_end,) = manifest.front_ends
    assert (front_end.path, front_end.dist, front_end.reused_from) == ("web", "web/dist", None)
    assert front_end.lock
    (asset,) = front_end.assets
    assert (place / "dist" / asset).read_text() == "console.log('one', \"First\")\n"
    assert assets(shop) == [asset]
    assert (place / "package-lock.json").read_bytes() == lock
    assert not (place / "node_modules").exists(), "what nothing serves takes no room"
    assert not (shop.root / "web/node_modules").exists()
    assert not (shop.root / "web/dist").exists()


def test_equal_inputs_are_not_built_again(shop: Site) -> None:
    first, _ = built(shop)
    shop.write("app/words.py", 'GREETING = "two"\n')
    shop.commit("back end only")
    second, _ = built(shop)
    third, _ = built(shop)
    assert [each.front_ends[0].reused_from for each in (second, third)] == [first.id, first.id]
    pages = [home(shop).release(each.id) / "web/dist/index.html" for each in (first, third)]
    assert os.path.samefile(*pages), "hard links take no room"


@pytest.fixture
def plain(tmp_path: Path) -> tuple[Path, Frontend]:
    """A release with a front end and Python beside it."""
    for path in (
        "web/src/main.js",
        "web/.env",
        "shared/words.json",
        "app/main.py",
        "web/dist/a.js",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("one")
    (tmp_path / "web/package.json").write_text(MANIFEST)
    (tmp_path / "web/data").symlink_to(tmp_path / "app")
    web = tmp_path / "web"
    return tmp_path, Frontend(web, "node", ("npm", "run", "build"), web / "dist")


def digest(plain: tuple[Path, Frontend], command: tuple[str, ...] = ("npm", "run", "build")) -> str:
    return inputs(LocalHost(), *plain, command)


@pytest.mark.parametrize(
    "path",
    ["web/src/main.js", "web/new.js", "shared/words.json", "web/.env", "web/openapi.py"],
)
def test_whatever_a_build_can_read_is_an_input(plain: tuple[Path, Frontend], path: str) -> None:
    before = digest(plain)
    (plain[0] / path).write_text("another")
    assert digest(plain) != before


def test_command_and_baked_variables_are_inputs(
    plain: tuple[Path, Frontend], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest(plain)
    assert digest(plain, ("npm", "run", "other")) != before
    monkeypatch.setenv("VITE_API", "https://api.example.invalid")
    assert digest(plain) != before


def test_former_output_our_own_files_and_the_back_ends_python_are_no_inputs(
    plain: tuple[Path, Frontend],
) -> None:
    before = digest(plain)
    for path in ("web/dist/a.js", "manifest.json", "BUILDING", "app/main.py"):
        (plain[0] / path).write_text("another")
    assert digest(plain) == before


def test_python_counts_where_the_build_runs_python(plain: tuple[Path, Frontend]) -> None:
    manifest = plain[0] / "web/package.json"
    manifest.write_text(
        MANIFEST.replace("node build.mjs", "python ../app/api.py && node build.mjs")
    )
    before = digest(plain)
    (plain[0] / "app/main.py").write_text("another")
    assert digest(plain) != before


def test_build_that_was_edited_is_not_taken(shop: Site) -> None:
    first, _ = built(shop)
    page = home(shop).release(first.id) / "web/dist/index.html"
    page.write_text("edited by hand")
    second, _ = built(shop)
    assert second.front_ends[0].reused_from is None
    assert "edited" not in (home(shop).release(second.id) / "web/dist/index.html").read_text()


def test_build_that_writes_elsewhere_too_is_made_each_time(shop: Site) -> None:
    shop.write("web/build.mjs", f"{BUILD}\nwriteFileSync('../app/out.css', '');\n")
    shop.commit("writes elsewhere")
    built(shop)
    second, _ = built(shop)
    assert second.front_ends[0].reused_from is None
    assert (home(shop).release(second.id) / "app/out.css").exists()


def test_build_of_a_failed_release_is_not_taken(shop: Site) -> None:
    first, _ = built(shop)
    facts = facts_of(shop)
    from unstale.deploy import manifest

    manifest.fail(facts.host, home(shop), first.id, "its smoke test failed")
    second, _ = built(shop)
    assert second.front_ends[0].reused_from is None


def test_node_modules_stay_where_the_back_end_serves_from_them(shop: Site) -> None:
    shop.write("app/static.py", 'PLACES = ["web/node_modules"]\n')
    shop.commit("serves its modules")
    for _ in range(2):
        manifest, _ = built(shop)
        assert (home(shop).release(manifest.id) / "web/node_modules/is-number").exists()


def test_failed_build_is_said_in_its_own_words_and_leaves_nothing(shop: Site) -> None:
    shop.write("web/src/main.js", "SYNTAX ERROR\n")
    shop.commit("broken")
    _, outcomes = built(shop)
    assert [each.state for each in outcomes] == ["done", "failed"]
    assert "the build failed" in outcomes[-1].note
    assert os.listdir(home(shop).releases) == []
    assert assets(shop) == []


def test_lock_that_does_not_fit_is_a_failure_and_never_rewritten(shop: Site) -> None:
    shop.write("web/package.json", MANIFEST.replace("7.0.0", "6.0.0"))
    shop.commit("lock forgotten")
    _, outcomes = built(shop)
    assert outcomes[-1].state == "failed"
    assert "npm failed" in outcomes[-1].note


def test_union_keeps_what_former_releases_named(shop: Site) -> None:
    first, _ = built(shop)
    committed(shop, first)
    shop.write("web/src/main.js", "console.log('two')\n")
    shop.commit("two")
    second, _ = built(shop)
    assert assets(shop) == sorted((*first.front_ends[0].assets, *second.front_ends[0].assets))
    assert len(assets(shop)) == 2


# --- the union by itself


def test_name_with_other_content_is_never_replaced(tmp_path: Path) -> None:
    host, there = LocalHost(changing=True), Home(tmp_path / "home")
    name = "assets/vendor-COMPONENT.js"
    for text, differing in (("one", ()), ("two", (name,))):
        (tmp_path / text / "assets").mkdir(parents=True)
        (tmp_path / text / name).write_text(text)
        assert publish(host, there, tmp_path / text, (name,)) == differing
    assert (there.assets / name).read_text() == "one"


def test_asset_goes_after_fourteen_days_without_a_release(tmp_path: Path) -> None:
    host, there = Clock(), Home(tmp_path / "home")
    (tmp_path / "dist").mkdir()
    for name in ("a-1234ABCD.js", "b-1234ABCD.js"):
        (tmp_path / "dist" / name).write_text(name)
        publish(host, there, tmp_path / "dist", (name,))
        os.utime(there.assets / name, (host.now().timestamp(),) * 2)
    host.pass_by(days=13)
    assert prune_assets(host, there, ()) == 0
    publish(host, there, tmp_path / "dist", ("b-1234ABCD.js",))
    os.utime(there.assets / "b-1234ABCD.js", (host.now().timestamp(),) * 2)
    host.pass_by(days=AGE.days - 12)
    assert timedelta(days=14) == AGE
    assert prune_assets(host, there, ()) == 1
    assert os.listdir(there.assets) == ["b-1234ABCD.js"]


def test_publishing_again_renews_an_assets_time(tmp_path: Path) -> None:
    host, there = LocalHost(changing=True), Home(tmp_path / "home")
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/a-1234ABCD.js").write_text("a")
    publish(host, there, tmp_path / "dist", ("a-1234ABCD.js",))
    os.utime(there.assets / "a-1234ABCD.js", (1, 1))
    publish(host, there, tmp_path / "dist", ("a-1234ABCD.js",))
    assert prune_assets(host, there, ()) == 0


def test_kill_in_the_install_or_the_build_leaves_no_half_release(shop: Site) -> None:
    """uv, npm and node go on for a while after their parent: they are ended before anything is removed."""
    shop.write("web/build.mjs", f"{BUILD}\nawait new Promise((done) => setTimeout(done, 400));\n")
    shop.write("unstale.toml", f'[deploy]\nhome = "{shop.root.parent}/home"\n')
    shop.commit("slow, with a home elsewhere")
    words = (
        "import sys; sys.path[:0] = ['tests', '.']\n"
        "from pathlib import Path\n"
        "from changes import found\n"
        "from release_yard import released\n"
        "from unstale.actions.releasing import Wanted, releasing\n"
        f"facts = found(Path({str(shop.root)!r}))\n"
        f"steps = releasing(facts, Wanted({head(shop)!r}, server='uvicorn'))\n"
        "print('go', flush=True)\n"
        "print(released(facts, *steps)[-1].state)\n"
    )
    cut = []
    for delay in (0.3, 0.8, 1.4, 2.0):
        child = subprocess.Popen([sys.executable, "-c", words], stdout=subprocess.PIPE, cwd=ROOT)
        assert child.stdout
        child.stdout.readline()
        time.sleep(delay)
        child.kill()
        child.wait()
        child.stdout.close()
        facts = facts_of(shop)
        (line, *_) = undecided(Journal(facts.project.state).lines()) or (None,)
        cut.append(line.data["title"].split(" release")[0] if line else "between")
        recover(facts, str)
        standing = [Path(each.cwd) for each in facts.again().get(ProcessTable).processes]
        assert not any(each.is_relative_to(home(shop).path) for each in standing)
        for name in os.listdir(home(shop).releases):
            manifest = read(facts.host, home(shop), name)
            assert line is None or manifest.status in ("ready", "failed"), cut
            shutil.rmtree(home(shop).release(name))
    print(f"\nkilled in: {cut}")
    assert len({*cut} - {"between"}) > 1, cut
