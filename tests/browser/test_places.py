"""Cluster groups, workspaces, tokens, operations and rollouts: from the click to what came of it."""

from __future__ import annotations

from collections.abc import Callable

import requests
from playwright.sync_api import Browser, expect

from extension.objects import yaml
from tests.browser.pages import Pages
from tests.browser.world import HERE, MAP, THERE, World

GROUPS = "/v1/fleet.cattle.io.clustergroups"
WORKSPACES = "/v1/management.cattle.io.fleetworkspaces"


def labelled(pages: Pages, number: int, key: str, value: str) -> None:
    pages.page.get_by_label(f"Key {number}").first.fill(key)
    pages.page.get_by_label(f"Value {number}").first.fill(value)


def test_a_group_is_written_with_its_clusters_in_sight_and_what_names_it_is_deployed_to_them(world: World, pages: Pages) -> None:
    name, bundle = world.new("grouped"), world.new("for-group")
    inside, outside = world.cluster(f"{name}-in", HERE, group=name), world.cluster(f"{name}-out", HERE, group="other")
    targets = [{"name": "group", "clusterGroup": name}]
    resources = [{"name": "map.yaml", "content": MAP.format(name=bundle)}]
    world.made("bundles", HERE, bundle, {"resources": resources, "targets": targets, "defaultNamespace": "default"})
    pages.open(HERE, "clustergroups")
    pages.link("Create a cluster group").first.click()
    pages.page.get_by_label("Name", exact=True).fill(name)
    pages.page.get_by_label("Clusters with these labels").check()
    pages.sees("Write the key of each condition first.")
    expect(pages.button("Create")).to_be_disabled()
    labelled(pages, 1, "group", name)
    now = pages.page.get_by_role("region", name="Clusters now")
    expect(now).to_contain_text("1 of ")
    expect(now).to_contain_text(f"{name}-in")
    expect(pages.page.get_by_role("status", name="What saving does")).to_contain_text(f"{bundle} 1 cluster gets it")
    pages.page.get_by_label("Find a cluster").fill(f"{name}-out")
    pages.button(f"{name}-out").click()
    pages.sees(f"{name}-out is not in the group")
    pages.sees("the cluster has group=other")
    assert world.deployed(inside) == []
    pages.button("Create").click()
    pages.sees(f"Cluster group {name} is saved.")
    world.until("clusters", inside, lambda _: world.deployed(inside) == [bundle])
    assert world.deployed(outside) == []
    expect(pages.row(f"{name}-in")).to_be_visible(timeout=30_000)


def test_two_who_edit_a_group_lose_nothing_of_each_other_and_see_where_they_disagree(world: World, pages: Pages) -> None:
    name = world.new("disputed")
    place = f"{GROUPS}/{HERE}/{name}"
    world.made("clustergroups", HERE, name, {"selector": {"matchLabels": {"env": "one"}}})
    pages.open(HERE, f"clustergroups/{name}/edit")
    labelled(pages, 1, "env", "two")
    assert world.call("PATCH", place, json={"metadata": {"labels": {"theirs": "1"}}}).ok
    pages.button("Save").click()
    pages.sees(f"Cluster group {name} is saved.")
    kept = world.get("clustergroups", f"{HERE}/{name}")
    assert (kept["metadata"]["labels"], kept["spec"]["selector"]) == ({"theirs": "1"}, {"matchLabels": {"env": "two"}})
    pages.open(HERE, f"clustergroups/{name}/edit")
    labelled(pages, 1, "env", "mine")
    assert world.call("PATCH", place, json={"spec": {"selector": {"matchLabels": {"env": "theirs"}}}}).ok
    pages.button("Save").click()
    pages.sees('"env": "theirs"')
    assert world.get("clustergroups", f"{HERE}/{name}")["spec"]["selector"] == {"matchLabels": {"env": "theirs"}}
    pages.button("Save mine over it").click()
    world.until("clustergroups", f"{HERE}/{name}", lambda found: found["spec"]["selector"] == {"matchLabels": {"env": "mine"}})


def test_who_may_only_look_is_offered_nothing_to_write(world: World, tab: Callable[..., Pages]) -> None:
    world.made("clustergroups", HERE, "looked-at", {"selector": {}})
    pages = tab("read-only")
    pages.open(HERE, "clustergroups/looked-at")
    for name in ("Edit", "Delete"):
        expect(pages.page.get_by_role("button", name=name).or_(pages.link(name))).to_have_count(0)
    pages.open(HERE, "clustergroups/looked-at/edit")
    pages.sees("You may not do this.")
    expect(pages.button("Save")).to_have_count(0)


def test_a_workspace_is_made_filled_refused_to_go_emptied_and_gone(standalone: World, chromium: Browser) -> None:
    pages, name = standalone.tab(chromium), standalone.new("passing")
    pages.open("_", "workspaces")
    pages.button("Create a workspace").click()
    pages.dialog().get_by_label("Name").fill(name)
    pages.dialog().get_by_role("button", name="Create").click()
    pages.sees(f"Workspace {name} is created.")
    cluster = standalone.cluster("kept", name)
    expect(pages.page.get_by_role("link", name="1 Clusters")).to_be_visible(timeout=30_000)
    pages.button("Delete").click()
    pages.sees(f"workspace {name} still holds 1 clusters")
    expect(pages.dialog().get_by_role("button", name="Delete")).to_have_count(0)
    pages.dialog().get_by_role("button", name="Close").click()
    assert standalone.call("DELETE", f"/v1/fleet.cattle.io.clusters/{cluster}").ok
    standalone.until("clusters", cluster, lambda found: found is None)
    pages.button("Delete").click()
    box = pages.dialog()
    expect(box.get_by_role("button", name="Delete")).to_be_disabled()
    box.get_by_label(f"Type {name} to confirm").fill(name)
    box.get_by_role("button", name="Delete").click()
    pages.sees(f"{name} is being deleted.")
    assert standalone.call("GET", f"{WORKSPACES}/{name}").status_code == 404
    assert not pages.faults
    pages.page.context.close()


def test_a_token_is_shown_once_is_good_and_is_revoked(standalone: World, chromium: Browser) -> None:
    pages, name = standalone.tab(chromium), standalone.new("robot")
    pages.open(HERE, "tokens")
    pages.button("Create an API token").click()
    box = pages.dialog()
    box.get_by_label("Name").fill(name)
    box.get_by_label("Role 1").select_option("read-only")
    box.get_by_role("button", name="Create").click()
    token = box.locator("code").inner_text()
    url = standalone.address("_", "").partition("/w/")[0]
    asked = {"url": f"{url}/v1/fleet.cattle.io.gitrepos", "headers": {"Authorization": f"Bearer {token}"}, "timeout": 30}
    assert requests.get(**asked).status_code == 200
    box.get_by_role("button", name="Close").click()
    assert token.partition(":")[2] not in pages.page.content()
    expect(pages.row(name)).to_contain_text(f"{HERE}: Read only")
    pages.button(f"Revoke {name}").click()
    pages.dialog().get_by_role("button", name="Revoke").click()
    pages.sees(f"{name} is revoked.")
    expect(pages.row(name)).to_have_count(0)
    assert requests.get(**asked).status_code == 401
    assert not pages.faults
    pages.page.context.close()


def test_a_cluster_is_added_with_one_command_and_seen_to_come(standalone: World, chromium: Browser) -> None:
    pages, name = standalone.tab(chromium), standalone.new("join")
    pages.open(THERE, "clusters")
    pages.link("Add a cluster").first.click()
    pages.button("Create a registration token").click()
    pages.dialog().get_by_label("Name", exact=True).fill(name)
    pages.dialog().get_by_role("button", name="Create").click()
    pages.sees("Waiting for a cluster to come into team-b.")
    command = pages.page.get_by_label("2. One command")
    expect(command).to_contain_text("helm install continuous-delivery-agent")
    assert "registration-" not in command.inner_text()
    pages.button("Show the token").click()
    values = yaml.load(command.inner_text().split("<<'VALUES'\n")[1].rpartition("\nVALUES")[0].encode(), "values")
    assert isinstance(values, dict)
    headers = {"Authorization": f"Bearer {values['token']}"}
    url = f"{values['apiServerURL']}/agent/v1"
    joined = requests.post(f"{url}/register", json={"clientID": name}, headers=headers, timeout=30).json()
    expect(pages.link(joined["clusterName"])).to_be_visible(timeout=30_000)
    pages.sees("It has registered; its agent is heard of next.")
    checked = requests.post(f"{url}/checkin", json={"since": ""}, headers={"Authorization": f"Bearer {joined['key']}"}, timeout=30)
    assert checked.status_code == 200
    expect(pages.page.get_by_text("Active", exact=True)).to_be_visible(timeout=60_000)
    pages.open(THERE, "tokens", tab="registration")
    expect(pages.row(name)).to_contain_text("1 cluster")
    pages.button(f"Revoke {name}").click()
    pages.dialog().get_by_role("button", name="Delete").click()
    expect(pages.row(name)).to_have_count(0)
    assert requests.post(f"{url}/register", json={"clientID": "late"}, headers=headers, timeout=30).status_code == 401
    assert not pages.faults
    pages.page.context.close()


def test_what_failed_of_a_move_is_retried_alone_and_the_move_is_taken_back(world: World, pages: Pages) -> None:
    name = world.new("moved")
    here, late = world.cluster(name, HERE), f"{HERE}/{name}-late"
    body = {"kind": "move", "ids": [here, late], "workspace": THERE}
    begun = world.call("POST", "/v1/operations", json=body).json()
    pages.open(HERE, f"operations/{begun['id']}")
    pages.sees("1 of 2 done")
    items = pages.page.get_by_role("list", name="Objects").get_by_role("listitem")
    expect(items.first).to_contain_text(late)
    expect(items.first).to_contain_text("not found")
    world.cluster(f"{name}-late", HERE)
    pages.button("Retry the one that failed").click()
    pages.sees(f"Does again what failed of {begun['id']}")
    pages.sees("1 of 1 done")
    expect(items).to_have_count(1)
    assert world.get("clusters", f"{THERE}/{name}-late")
    pages.open(HERE, f"operations/{begun['id']}")
    pages.button("Take the move back").click()
    pages.sees(f"Takes back {begun['id']}")
    world.until("clusters", here, lambda found: found)
    pages.open(HERE, "operations")
    expect(pages.row(f"Takes back {begun['id']}")).to_contain_text("Move of 1 cluster")


def test_a_rollout_that_is_held_shows_which_partition_waits_for_which(world: World, pages: Pages) -> None:
    name = world.new("staged")
    for number, wave in enumerate(("one", "one", "two")):
        world.cluster(f"{name}-{number}", HERE, staged=name, wave=wave)
    strategy = {"partitions": [{"name": w, "maxUnavailable": 1, "clusterSelector": {"matchLabels": {"wave": w}}} for w in ("one", "two")]}
    spec = {
        "resources": [{"name": "map.yaml", "content": MAP.format(name=name)}],
        "targets": [{"name": "all", "clusterSelector": {"matchLabels": {"staged": name}}}],
        "rolloutStrategy": strategy,
        "defaultNamespace": "default",
    }
    world.made("bundles", HERE, name, spec)
    place = f"{HERE}/{name}"
    world.until("bundles", place, lambda found: found["status"]["summary"]["ready"] == 3)
    changed = [{"name": "map.yaml", "content": MAP.format(name=f"{name}-changed")}]
    assert world.call("PATCH", f"/v1/fleet.cattle.io.bundles/{place}", json={"spec": {"paused": True, "resources": changed}}).ok
    world.until("bundles", place, lambda found: found["status"]["partitions"][0].get("unavailable") == 2)
    pages.open(HERE, "rollouts", q=name)
    expect(pages.row(name)).to_contain_text("Paused")
    expect(pages.row(name)).to_contain_text("1 of 2")
    pages.link(name).click()
    parts = pages.page.get_by_role("tabpanel").get_by_role("listitem")
    expect(parts.nth(0)).to_contain_text("Held")
    expect(parts.nth(1)).to_contain_text("Waits")
    assert world.call("PATCH", f"/v1/fleet.cattle.io.bundles/{place}", json={"spec": {"paused": False}}).ok
    world.until("bundles", place, lambda found: found["status"]["summary"]["ready"] == 3)
    expect(parts.nth(1)).to_contain_text("Done", timeout=30_000)


def test_where_there_is_no_rancher_server_the_repair_says_so(standalone: World, chromium: Browser) -> None:
    pages = standalone.tab(chromium)
    pages.open("_", "repair")
    pages.sees("This service belongs to no Rancher server")
    expect(pages.button("Look again")).to_have_count(0)
    assert not pages.faults
    pages.page.context.close()
