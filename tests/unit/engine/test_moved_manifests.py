"""A manifest that moves from one folder of a repository to another: who gets it is told, and told first."""

from __future__ import annotations

import threading

import pytest

from extension.engine.produced import Produced
from tests.fakes.waiting import wait_for
from tests.unit.engine.git import FILES, Git
from tests.unit.engine.samples import config_map, replace


@pytest.fixture
def git(store, clock):
    return Git(store, clock)


def test_a_manifest_that_moves_to_another_folder_is_told_to_the_bundle_it_comes_to(git):
    git.add()
    moved = {name.replace("web/", "site/"): text for name, text in FILES.items()}
    git.commit({**moved, "db/more.yaml": config_map("more", "one")})
    git.poll()
    found = git.bundles()
    assert found["repo-web"].metadata.deletion_timestamp
    assert [(one.kind, one.name) for one in found["repo-site"].spec.overwrites] == [("ConfigMap", "a")]
    assert found["repo-db"].spec.overwrites == ()
    before = found["repo-site"].metadata.generation
    git.commit({**moved, "db/more.yaml": config_map("more", "two")})
    git.poll()
    assert git.bundles()["repo-site"].metadata.generation == before


def test_a_manifest_that_moves_to_a_folder_that_stays_is_told_too_and_as_long_as_nothing_else_changes(git):
    git.add(files={**FILES, "web/moved.yaml": config_map("moved")})
    git.commit({**FILES, "db/moved.yaml": config_map("moved")})
    git.poll()
    told = [("ConfigMap", "moved")]
    assert [(one.kind, one.name) for one in git.bundles()["repo-db"].spec.overwrites] == told
    assert git.bundles()["repo-web"].spec.overwrites == ()
    git.restarted()
    git.commit({**FILES, "db/moved.yaml": config_map("moved"), "new/a.yaml": config_map("new")})
    git.poll()
    assert [(one.kind, one.name) for one in git.bundles()["repo-db"].spec.overwrites] == told


@pytest.mark.parametrize("stays", [True, False], ids=["that stays", "that goes"])
def test_a_bundle_that_gives_something_away_is_written_once_the_one_that_gets_it_is_planned(git, stays):
    git.add(files={**FILES, "web/moved.yaml": config_map("moved")})
    git.reconcile._produced = Produced(git.store, patience=20)
    before = git.bundles()["repo-web"].metadata
    seen = []

    def plan():
        wait_for(lambda: git.bundles()["repo-db"].spec.overwrites)
        seen.append(git.bundles()["repo-web"].metadata)
        planned(git.store, git.bundles()["repo-db"])

    planning = threading.Thread(target=plan)
    planning.start()
    kept = {name: text for name, text in FILES.items() if stays or not name.startswith("web")}
    git.commit({**kept, "db/moved.yaml": config_map("moved")})
    git.poll()
    planning.join()
    assert seen == [before]
    after = git.bundles()["repo-web"].metadata
    assert after.generation > before.generation if stays else after.deletion_timestamp


def planned(store, bundle):
    store.update_status(replace(bundle, status=replace(bundle.status, observed_generation=bundle.metadata.generation)))
