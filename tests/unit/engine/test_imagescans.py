"""ImageScans on a real store: when registries are asked, and what is committed to which GitRepo (`fleet-semantics.md` 3.10)."""

import pytest

from extension.engine.imagescans import INTERVAL, RETRY
from extension.objects.base import ObjectMeta
from extension.objects.errors import Unavailable
from extension.objects.imagescan import SecretReference
from extension.objects.kinds import GitRepoRestriction, ImageScan, ImageScanCommit, ImageScanSpec
from extension.targeting.admission import Rules
from tests.unit.engine.git import URL
from tests.unit.engine.samples import NS, changed, conditions, config_map, message
from tests.unit.engine.scanning import FILES, IMAGE, MARKED, NAME, WRITER, World


@pytest.fixture
def world(store, clock):
    return World(store, clock)


@pytest.fixture
def ready(world):
    """A GitRepo that may be written to, its image found."""
    world.add(files=FILES, **WRITER)
    world.scan()
    return world


def test_a_scan_tells_what_it_found_and_asks_again_after_its_interval(ready):
    status = ready.found().status
    assert (status.latest_image, status.latest_tag, status.canonical_image_name) == (f"{IMAGE}:1.2.0", "1.2.0", IMAGE)
    assert status.latest_digest.startswith("sha256:")
    assert (conditions(ready.found())["ImageScanned"], conditions(ready.found())["Stalled"]) == ("True", "False")
    assert ready.scan() == 300.0
    assert ready.sources.scanned == [NAME]
    ready.sources.tags[IMAGE].append("1.3.0")
    ready.clock.pass_(300)
    assert ready.scan() == 301.0
    assert ready.found().status.latest_tag == "1.3.0"


def test_a_restart_asks_no_registry_before_it_is_time(ready):
    ready.clock.pass_(100)
    ready.restarted()
    assert ready.scan() == 200.0
    assert ready.sources.scanned == [NAME]


@pytest.mark.parametrize(("text", "seconds"), [("", INTERVAL), ("0s", INTERVAL), ("1ms", 1.0), ("90s", 90.0)])
def test_no_interval_means_fifteen_minutes_and_none_is_shorter_than_a_second(world, text, seconds):
    spec = ImageScanSpec(image=IMAGE, tag_name="app", interval=text)
    world.store.create(ImageScan(metadata=ObjectMeta(name="one", namespace=NS), spec=spec))
    assert world.scan("one") == seconds + 1


def test_a_changed_scan_or_a_changed_secret_asks_at_once(ready):
    ready.store.update(changed(ready.found(), secret_ref=SecretReference("reg")))
    ready.scan()
    assert len(ready.sources.scanned) == 2
    ready.images.look_again(ready.found().key)
    ready.scan()
    ready.scan()
    assert len(ready.sources.scanned) == 3


def test_a_suspended_scan_asks_nothing(ready):
    ready.store.update(changed(ready.found(), suspend=True))
    ready.clock.pass_(3600)
    assert ready.scan() is None
    assert ready.sources.scanned == [NAME]


def test_a_scan_that_fails_says_why_keeps_what_it_found_and_waits_its_interval(ready):
    ready.sources.errors[IMAGE] = Unavailable("answered 401", where=IMAGE)
    ready.clock.pass_(300)
    assert ready.scan() == 301.0
    found = ready.found()
    assert (conditions(found)["ImageScanned"], conditions(found)["Stalled"]) == ("False", "True")
    assert message(found, "ImageScanned") == f"{IMAGE}: answered 401"
    assert found.status.latest_tag == "1.2.0"
    assert ready.scan() == 300.0


def test_an_interval_of_a_scan_by_hand_that_is_none_is_its_error(world):
    spec = ImageScanSpec(image=IMAGE, tag_name="app", interval="soon")
    world.store.create(ImageScan(metadata=ObjectMeta(name="one", namespace=NS), spec=spec))
    world.scan("one")
    assert "'soon' is not a duration" in message(world.found("one"), "ImageScanned")


def test_what_was_found_is_committed_in_the_name_that_the_gitrepo_gives(ready):
    assert ready.sync() == INTERVAL + 1
    (change,) = ready.sources.pushed
    assert (change.name, change.email, change.message) == ("Ann", "ann@example.org", "Newer images")
    assert change.files == {"web/a.yaml": MARKED.replace("old", f"{IMAGE}:1.2.0").encode()}
    assert conditions(ready.repo())["ImageSynced"] == "True"
    ready.poll()
    assert ready.repo().status.commit == f"{2:040x}", "the commit is deployed as any other"


def test_without_a_name_or_a_message_there_are_some(world):
    world.add(files=FILES, **{**WRITER, "image_scan_commit": ImageScanCommit()})
    world.scan()
    world.sync()
    (change,) = world.sources.pushed
    assert (change.name, change.email, change.message) == ("fleet", "", "Update from image update automation")


def test_files_that_name_the_image_already_make_no_commit(ready):
    ready.sync()
    ready.clock.pass_(INTERVAL)
    ready.sync()
    assert len(ready.sources.pushed) == 1
    assert len(ready.sources.commits[URL.format(name="repo")]) == 2


def test_commits_are_no_closer_than_the_interval_also_after_a_restart(world):
    world.add(files=FILES, image_scan_interval="10m", **WRITER)
    world.scan()
    assert world.sync() == 601.0
    world.sources.tags[IMAGE].append("1.3.0")
    world.clock.pass_(400)
    world.scan()
    world.restarted()
    assert world.sync() == 200.0
    world.clock.pass_(200)
    world.sync()
    assert [change.files["web/a.yaml"].decode().count("1.3.0") for change in world.sources.pushed] == [0, 1]


def test_nothing_is_committed_before_every_scan_has_its_answer(world):
    files = {**FILES, "web/fleet.yaml": FILES["web/fleet.yaml"] + "- {image: other, tagName: other}\n"}
    world.add(files=files, **WRITER)
    world.scan()
    assert world.sync() is None
    world.scan("imagescan-repo-web-1")
    assert world.sync() is None
    assert "image scan other is not ready: index.docker.io/library/other: answered 404" in message(world.repo(), "ImageSynced")
    assert world.sources.pushed == []
    world.store.update(changed(world.found("imagescan-repo-web-1"), suspend=True))
    world.sync()
    assert len(world.sources.pushed) == 1


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        ({"client_secret_name": ""}, "spec.clientSecretName: is required"),
        ({"image_scan_commit": None}, "spec.imageScanCommit: is required"),
        ({"branch": "", "revision": "v1.0"}, "spec.revision v1.0 is no branch to commit images to (name the branch"),
    ],
)
def test_a_gitrepo_that_can_not_be_written_to_says_what_it_lacks(world, lacking, told):
    world.add(files=FILES, **{**WRITER, **lacking})
    world.scan()
    assert world.sync() == RETRY
    assert conditions(world.repo())["ImageSynced"] == "False"
    assert told in message(world.repo(), "ImageSynced")
    assert world.sources.pushed == []
    assert 0 < world.sync() <= RETRY, "its own status does not make it try again"
    world.change(**WRITER, revision="")
    world.sync()
    assert conditions(world.repo())["ImageSynced"] == "True"


def test_a_revision_beside_a_branch_is_deployed_and_the_branch_written_to(world):
    world.add(files=FILES, **{**WRITER, "revision": "v1.0"})
    world.scan()
    world.sync()
    assert len(world.sources.pushed) == 1


def test_a_branch_that_moves_meanwhile_is_read_again_and_its_commit_kept(ready):
    moves = iter([{**FILES, "web/b.yaml": config_map("theirs")}])

    def meanwhile():
        files = next(moves, None)
        if files:
            ready.commit(files)

    ready.sources.meanwhile = meanwhile
    ready.sync()
    assert ready.file() == MARKED.replace("old", f"{IMAGE}:1.2.0")
    assert ready.file("web/b.yaml") == config_map("theirs")
    assert conditions(ready.repo())["ImageSynced"] == "True"


def test_a_branch_that_never_stands_still_is_given_up_for_a_while(ready):
    ready.sources.meanwhile = lambda: ready.commit(FILES)
    assert ready.sync() == RETRY
    assert "the branch moved 3 times" in message(ready.repo(), "ImageSynced")


def test_a_push_that_is_refused_is_told_and_tried_again_later(ready):
    ready.sources.refusal = Unavailable("the server refuses the push: protected branch", where="repo")
    assert ready.sync() == RETRY
    assert "protected branch" in message(ready.repo(), "ImageSynced")
    ready.sources.refusal = None
    ready.clock.pass_(RETRY)
    assert ready.sync() == INTERVAL + 1
    assert len(ready.sources.pushed) == 1


def test_a_gitrepo_that_the_rules_refuse_is_not_written_to(ready):
    refusing = GitRepoRestriction(metadata=ObjectMeta(name="r", namespace=NS), allowed_client_secret_names=("another",))
    ready.rules = lambda _workspace: Rules(restrictions=(refusing,))
    ready.restarted()
    ready.sync()
    assert conditions(ready.repo())["ImageSynced"] == "False"
    assert ready.sources.pushed == []


def test_a_gitrepo_whose_scans_are_gone_says_nothing_of_images(ready):
    ready.sync()
    ready.commit({"web/a.yaml": config_map("a")})
    ready.poll()
    assert ready.sync() is None
    assert "ImageSynced" not in conditions(ready.repo())
    before = ready.store.revision()
    ready.sync()
    assert ready.store.revision() == before


def test_what_a_pass_over_the_gitrepo_writes_leaves_what_became_of_its_images(ready):
    """Both write the GitRepo's status; a pass that began before a commit ends after it."""
    ready.sources.meanwhile = lambda: (setattr(ready.sources, "meanwhile", lambda: None), ready.sync())
    ready.change(paused=True)
    repo = ready.repo()
    assert conditions(repo)["ImageSynced"] == "True"
    assert repo.status.last_synced_image_scan_time
    assert conditions(repo)["Accepted"] == "True"
