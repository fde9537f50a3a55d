from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Site


def test_replaced_release_is_found_and_cured_by_a_restart(site: Site) -> None:
    site.serve()
    copy = site.root.parent / "copy"
    shutil.copytree(site.root, copy, symlinks=True)
    shutil.rmtree(site.root)
    copy.rename(site.root)
    assert site.answer() == {"hello": "one"}

    findings = site.check()["findings"]
    assert [each["code"] for each in findings if each["root"] is None] == ["PRC002"]
    assert site.unstale("fix", "--yes").returncode == 0
    assert site.check()["verdict"] == "fresh"
    assert site.answer() == {"hello": "one"}


def test_directory_named_deleted_is_fresh(site: Site) -> None:
    odd = site.root.parent / "site (deleted)"
    site.root.rename(odd)
    site.root = odd
    site.serve()
    assert site.codes() == []
