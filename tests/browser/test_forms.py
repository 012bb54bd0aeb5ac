"""Forms: a GitRepo from its repository to what is deployed, a Helm Op, edits beside somebody else's, and what is not saved yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.pages import Pages
from tests.browser.standalone import log_in
from tests.browser.test_login import token_of
from tests.browser.world import HERE, MAP, World
from tests.integration.sources.archives import index, tgz
from tests.integration.sources.conftest import Repository
from tests.integration.sources.gits import git_http
from tests.integration.sources.servers import Server, files

FILES: dict[str, str | bytes] = {"apps/web/map.yaml": MAP.format(name="web"), "apps/db/map.yaml": MAP.format(name="db")}
VERSIONS = ("1.0.0", "1.1.0")
INDEX = index({"web": [(version, f"web-{version}.tgz") for version in VERSIONS]})


def chart(version: str) -> bytes:
    meta = f"apiVersion: v2\nname: web\nversion: {version}\n"
    return tgz({"web/Chart.yaml": meta.encode(), "web/templates/map.yaml": MAP.format(name="charted").encode()})


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[tuple[Repository, Server]]:
    """A repository whose only branch is main, and the server that has it as app.git."""
    root = tmp_path / "served"
    root.mkdir()
    made, server = Repository(root, "app.git"), git_http(root)
    made.commit(FILES)
    yield made, server
    server.stop()


def begun(pages: Pages, kind: str, name: str) -> None:
    pages.open(HERE, f"{kind}/_create")
    pages.page.get_by_label("Name", exact=True).fill(name)


def test_a_gitrepo_is_made_from_its_repository_to_what_is_deployed(
    world: World, pages: Pages, repository: tuple[Repository, Server]
) -> None:
    cluster, name = world.cluster("formed", HERE, formed="yes"), world.new("formed")
    begun(pages, "gitrepos", name)
    pages.page.get_by_label("URL of the repository").fill(f"{repository[1].url}/app.git")
    pages.button("Test the connection").click()
    pages.sees("branch master does not exist")
    pages.button("Use the branch main").click()
    pages.button("Test the connection").click()
    pages.sees("2 paths found in the repository")
    pages.page.get_by_label("apps/web").check()
    pages.page.get_by_label("Clusters that I choose").check()
    pages.page.get_by_label("Key 1").last.fill("formed")
    pages.page.get_by_label("Value 1").last.fill("yes")
    expect(pages.page.get_by_role("region", name="Clusters now")).to_contain_text(cluster)
    assert pages.violations() == []
    pages.button("Show what saving does").click()
    pages.sees("1 cluster gets it:")
    assert world.get("gitrepos", f"{HERE}/{name}") is None
    pages.button("Create").click()
    pages.sees(f"{name} is saved.")
    world.until("clusters", cluster, lambda _: f"{name}-apps-web" in world.deployed(cluster))
    spec = world.get("gitrepos", f"{HERE}/{name}")["spec"]
    assert (spec["branch"], spec["paths"]) == ("main", ["apps/web"])
    assert spec["targets"] == [{"clusterSelector": {"matchLabels": {"formed": "yes"}}}]


def test_the_hop_that_fails_is_told_and_a_field_that_is_refused_says_so_beside_itself(world: World, pages: Pages) -> None:
    begun(pages, "gitrepos", "Not_A_Name")
    pages.page.get_by_label("URL of the repository").fill("https://nowhere.invalid/app.git")
    pages.button("Test the connection").click()
    pages.sees("host nowhere.invalid is unknown")
    pages.button("Create").click()
    expect(pages.page.get_by_label("Name", exact=True)).to_be_focused()
    pages.sees("'Not_A_Name' is not a name")
    assert pages.violations() == []


def test_five_thousand_paths_can_be_searched(world: World, pages: Pages, repository: tuple[Repository, Server]) -> None:
    repository[0].commit({f"many/a{number:04}/map.yaml": MAP.format(name="x") for number in range(4998)})
    begun(pages, "gitrepos", world.new("many"))
    pages.page.get_by_label("URL of the repository").fill(f"{repository[1].url}/app.git")
    pages.page.get_by_label("Branch", exact=True).fill("main")
    pages.button("Test the connection").click()
    pages.sees("5,000 paths found in the repository")
    pages.page.get_by_label("Search paths").fill("a4321")
    pages.page.get_by_label("many/a4321").check()
    expect(pages.page.get_by_label("Path 1", exact=True)).to_have_value("many/a4321")


def test_an_edit_writes_only_what_was_edited_and_nothing_that_somebody_else_wrote_unseen(world: World, pages: Pages) -> None:
    name = world.new("shared")
    spec = {
        "repo": "https://127.0.0.1:9/a.git",
        "branch": "main",
        "paths": ["a"],
        "correctDrift": {"enabled": True, "keepFailHistory": True},
    }
    world.made("gitrepos", HERE, name, spec)
    pages.open(HERE, f"gitrepos/{name}")
    pages.link("Edit").click()
    pages.page.get_by_label("Path 1", exact=True).fill("mine")
    place = f"/v1/fleet.cattle.io.gitrepos/{HERE}/{name}"
    assert world.call("PATCH", place, json={"spec": {"paths": ["theirs"], "branch": "next"}}).ok
    pages.sees("Somebody else changed this object")
    pages.button("Save").click()
    expect(pages.page.get_by_role("alert")).to_contain_text("theirs")
    assert world.get("gitrepos", f"{HERE}/{name}")["spec"]["paths"] == ["theirs"]
    pages.button("Save mine over it").click()
    pages.sees(f"{name} is saved.")
    stored = world.get("gitrepos", f"{HERE}/{name}")["spec"]
    assert (stored["paths"], stored["branch"], stored["correctDrift"]) == (["mine"], "next", spec["correctDrift"])


def test_what_was_deleted_while_it_was_edited_can_be_made_again(world: World, pages: Pages) -> None:
    name = world.new("deleted")
    world.made("gitrepos", HERE, name, {"repo": "https://127.0.0.1:9/a.git", "branch": "main"})
    pages.open(HERE, f"gitrepos/{name}/edit")
    pages.page.get_by_label("Branch", exact=True).fill("next")
    world.call("DELETE", f"/v1/fleet.cattle.io.gitrepos/{HERE}/{name}")
    pages.sees(f"{name} was deleted while you edited it.")
    pages.button("Save").click()
    pages.sees(f"{name} is saved.")
    assert world.get("gitrepos", f"{HERE}/{name}")["spec"]["branch"] == "next"


def test_a_copy_has_all_but_the_name(world: World, pages: Pages) -> None:
    name, copy = world.new("copied"), world.new("copy")
    spec = {"repo": "https://127.0.0.1:9/a.git", "branch": "main", "paths": ["a", "b"], "forceSyncGeneration": 3}
    world.made("gitrepos", HERE, name, spec, labels={"kept": "yes"})
    pages.open(HERE, f"gitrepos/{name}")
    pages.link("Clone").click()
    pages.page.get_by_label("Name", exact=True).fill(copy)
    pages.button("Create").click()
    pages.sees(f"{copy} is saved.")
    stored = world.get("gitrepos", f"{HERE}/{copy}")
    assert {key: stored["spec"].get(key) for key in spec} == {**spec, "forceSyncGeneration": None}
    assert stored["metadata"]["labels"]["kept"] == "yes"


def test_a_secret_is_made_beside_the_form_and_chosen_and_never_shown(world: World, pages: Pages) -> None:
    name = world.new("login")
    pages.open(HERE, "gitrepos/_create")
    pages.button("New Secret").first.click()
    dialog = pages.dialog()
    dialog.get_by_label("Name", exact=True).fill(name)
    dialog.get_by_label("User", exact=True).fill("bob")
    dialog.get_by_role("textbox", name="Password or token").fill("canary")
    assert pages.violations() == []
    dialog.get_by_role("button", name="Create").click()
    expect(pages.page.get_by_label("Log in with").first).to_have_value(name)
    stored = world.call("GET", f"/v1/secrets/{HERE}/{name}").json()
    assert (stored["_type"], stored["data"]) == ("kubernetes.io/basic-auth", {"password": None, "username": None})


def test_a_helm_op_is_made_and_a_newer_version_is_shown_before_it_is_deployed(world: World, pages: Pages) -> None:
    cluster, name = world.cluster("charted", HERE, charted="yes"), world.new("charted")
    server = files({"/index.yaml": INDEX, **{f"/web-{version}.tgz": chart(version) for version in VERSIONS}})
    begun(pages, "helmops", name)
    pages.page.get_by_label("URL of the repository").fill(server.url)
    pages.page.get_by_label("Name of the chart").fill("web")
    pages.page.get_by_label("Version", exact=True).fill("1.0.0")
    pages.page.get_by_label("Values").fill("a: [")
    expect(pages.button("Create")).to_be_disabled()
    pages.page.get_by_label("Values").fill("a: 1\n")
    pages.page.get_by_label("Clusters that I choose").check()
    pages.page.get_by_label("Key 1").last.fill("charted")
    pages.page.get_by_label("Value 1").last.fill("yes")
    pages.button("Show what saving does").click()
    pages.sees("1 cluster gets it:")
    pages.button("Create").click()
    pages.sees(f"{name} is saved.")
    world.until("clusters", cluster, lambda _: name in world.deployed(cluster))
    pages.open(HERE, f"helmops/{name}/edit")
    pages.page.get_by_label("Version", exact=True).fill("^1")
    pages.button("Show what saving does").click()
    pages.sees("Options that differ: helm.version")
    pages.button("Save").click()
    world.until("helmops", f"{HERE}/{name}", lambda op: op["status"].get("version") == "1.1.0")
    assert world.get("helmops", f"{HERE}/{name}")["spec"]["helm"]["values"] == {"a": 1}
    server.stop()


def test_what_is_not_saved_is_there_again_after_a_wrong_click_and_a_login(standalone: World, chromium: Browser) -> None:
    pages = standalone.tab(chromium, "member")
    begun(pages, "gitrepos", "unsaved")
    pages.page.get_by_label("URL of the repository").fill("https://git.example.org/kept.git")
    pages.link("Clusters").click()
    expect(pages.page.get_by_role("heading", name="Clusters", exact=True)).to_be_visible()
    pages.page.go_back()
    pages.sees("What you had not saved is here again.")
    standalone.revoke("member")  # whatever the page asks for next tells it so, at the latest the stream of events
    pages.sees("Your token is no longer valid.")
    log_in(pages, token_of(standalone, "member", chromium))
    expect(pages.page.get_by_label("URL of the repository")).to_have_value("https://git.example.org/kept.git")
    pages.button("Drop it and begin anew").click()
    expect(pages.page.get_by_label("URL of the repository")).to_have_value("")
    assert not pages.faults
    pages.page.context.close()


def test_what_one_did_not_save_is_not_shown_to_who_logs_in_next(standalone: World, chromium: Browser) -> None:
    pages = standalone.tab(chromium, "member")
    begun(pages, "gitrepos", "mine")
    pages.page.get_by_label("URL of the repository").fill("https://git.example.org/mine.git")
    standalone.revoke("member")
    pages.sees("Your token is no longer valid.")
    log_in(pages, token_of(standalone, "administrator", chromium))
    expect(pages.page.get_by_label("URL of the repository")).to_have_value("")
    expect(pages.text("What you had not saved is here again.")).to_have_count(0)
    assert not pages.faults
    pages.page.context.close()


def test_who_may_only_read_finds_no_way_into_a_form(world: World, tab: Callable[..., Pages]) -> None:
    world.made("gitrepos", HERE, "read-only", {"repo": "https://127.0.0.1:9/a.git"})
    reader = tab("read-only")
    for path, names in {
        "": ["Create a GitRepo"],
        "gitrepos": ["Create a GitRepo"],
        "helmops": ["Create a Helm Op"],
        "gitrepos/read-only": ["Edit", "Clone"],
    }.items():
        reader.open(HERE, path)
        reader.page.wait_for_timeout(300)
        for name in names:
            expect(reader.link(name)).to_have_count(0)
    reader.open(HERE, "gitrepos/_create")
    reader.page.get_by_label("URL of the repository").fill("https://git.example.org/a.git")
    reader.button("Test the connection").click()
    reader.sees("You may not do this.")


def test_the_dashboard_tells_what_is_wrong_and_leads_to_it(world: World, pages: Pages) -> None:
    name = workspace = world.new("wrong")  # a dashboard shows the first of all that is wrong, so this one has a workspace of its own
    assert world.call("POST", "/v1/management.cattle.io.fleetworkspaces", json={"metadata": {"name": workspace}}).ok
    world.made("gitrepos", workspace, name, {"repo": "https://127.0.0.1:9/wrong.git", "branch": "main"})
    world.until("gitrepos", f"{workspace}/{name}", lambda found: found and found["metadata"]["state"]["error"])
    pages.open(workspace, "")
    wrong = pages.page.get_by_role("region", name="What is wrong now")
    wrong.get_by_role("link", name=f"GitRepo {workspace}/{name}").click()
    expect(pages.page.get_by_role("heading", name=name)).to_be_visible()
    pages.open(workspace, "")
    expect(pages.page.get_by_role("region", name="What happened last")).to_contain_text(f"{workspace}/{name}")
