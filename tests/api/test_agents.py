"""`/agent/v1` over HTTP: keys and secrets, bodies, what is cached, and what a crowd is told."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import json
from contextlib import ExitStack

import msgspec
import pytest
import structlog

from api import agents
from api.answers import SECURITY_HEADERS
from api.app import create_app
from api.quick import AFTER
from extension.objects import yaml
from extension.objects.base import ObjectMeta
from extension.objects.kinds import Bundle, BundleTarget, Cluster, ClusterRegistrationToken, FleetWorkspace, Secret
from extension.objects.names import registered_cluster_name
from extension.objects.options import DownstreamResource
from extension.settings import Settings
from extension.store.sql import SqlStore
from tests.api.conftest import CLUSTERS, Session
from tests.unit.engine.hubs import World
from tests.unit.engine.samples import NS

REGISTER, CHECK_IN, REPORTS, CONTENTS = (f"/agent/v1/{name}" for name in ("register", "checkin", "reports", "contents"))


@pytest.fixture
def world(services):
    assert isinstance(services.store, SqlStore)
    world = World(services.store)
    yield world
    world.stop()


@pytest.fixture
def services_with_agents(services, world):
    return dataclasses.replace(services, agents=world.hub)


@pytest.fixture
def client(services_with_agents):
    return create_app(services_with_agents).test_client()


@pytest.fixture
def joined(client, world):
    """Calls with the secret of a token."""
    return Session(client, world.token())


@pytest.fixture
def agent(client, joined):
    """Calls with the key of a cluster."""
    return Session(client, joined.post(REGISTER, json={"clientID": "a"}).json["key"])


def test_a_cluster_registers_asks_reads_reports_and_its_counters_are_right(agent, world, store):
    world.rollouts.add("web")
    asked = agent.post(CHECK_IN, json={"since": ""})
    (item,) = asked.json["items"]
    assert asked.status_code == 200
    assert asked.json["complete"] and item["bundleName"] == "web" and item["contentSHA256"]
    content = agent.get(f"{CONTENTS}/{item['contentSHA256']}")
    assert hashlib.sha256(content.data).hexdigest() == item["contentSHA256"]
    assert json.loads(content.data)["resources"][0]["name"] == "a.yaml"
    status = {"appliedDeploymentID": item["deploymentID"], "ready": True, "nonModified": True}
    report = {"bundleID": item["bundleID"], "revision": item["revision"], "sequence": 1, "status": status}
    assert agent.post(REPORTS, json={"reports": [report]}).json == {"accepted": 1}
    assert store.get(Bundle, NS, "web").status.display.ready_clusters == "1/1"
    late = {**report, "sequence": 1, "status": {}}
    agent.post(REPORTS, json={"reports": [{**report, "sequence": 2}]})
    assert agent.post(REPORTS, json={"reports": [late]}).json == {"stale": [{"bundleID": item["bundleID"], "sequence": 2}]}
    assert store.get(Bundle, NS, "web").status.display.ready_clusters == "1/1"


def test_without_news_the_answer_is_empty_and_says_when_to_ask_again(agent, world):
    world.rollouts.add("web")
    since = agent.post(CHECK_IN, json={}).json["since"]
    world.caught_up()
    nothing = agent.post(CHECK_IN, json={"since": since})
    assert (nothing.status_code, nothing.data) == (204, b"")
    assert 7 <= int(nothing.headers["Check-In-After"]) <= 23


def test_many_register_in_the_order_of_a_list(joined, store):
    answers = joined.post(REGISTER, json=[{"clientID": "a", "clusterLabels": {"env": "prod"}}, {"clientID": "b"}]).json
    assert [one["clientID"] for one in answers] == ["a", "b"]
    assert store.get(Cluster, NS, answers[0]["clusterName"]).metadata.labels["env"] == "prod"


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"clusterLabels": {}}, "MissingRequired", "clientID"),
        ({"clientID": 7}, "InvalidFormat", "clientID"),
        ({"clientID": "a", "clusterLabels": {"a b": "c"}}, "InvalidFormat", "clusterLabels"),
        ({"clientID": "a", "clusterLabels": {"a": "c" * 64}}, "InvalidFormat", "clusterLabels"),
        (["a"], "InvalidBodyContent", "object"),
        ([], "InvalidFormat", "0 clusters"),
        ("a", "InvalidBodyContent", "object"),
    ],
)
def test_a_registration_that_is_refused_names_the_field(joined, store, body, code, words):
    refused = joined.post(REGISTER, json=body)
    assert (refused.status_code, refused.json["code"]) == (422, code)
    assert words in refused.json["message"]
    assert store.list(Cluster).count == 1


@pytest.mark.parametrize("body", [[], {"reports": 3}, {"reports": [{"sequence": 0}]}, {"reports": [{"status": {"ready": "yes"}}]}])
def test_a_report_that_can_not_be_read_is_refused(agent, body):
    assert agent.post(REPORTS, json=body).status_code == 422


def test_a_users_token_is_no_key_and_a_key_no_users_token(client, world, services, agent):
    user = Session(client, services.tokens.create("someone", {"*": "admin"}))
    assert agent.get(CLUSTERS).status_code == 401
    calls = [
        user.post(REGISTER, json={"clientID": "b"}),
        user.post(CHECK_IN, json={}),
        user.get(f"{CONTENTS}/x"),
        user.post(REPORTS, json={}),
    ]
    assert [call.status_code for call in calls] == [401] * 4
    assert [client.post(path, json={}).status_code for path in (REGISTER, CHECK_IN, REPORTS)] == [401] * 3


@pytest.mark.parametrize(("path", "size"), [(CHECK_IN, 4 * 1024), (REGISTER, 8 * 1024 * 1024), (REPORTS, 8 * 1024 * 1024)])
def test_bodies_have_a_limit(agent, path, size):
    assert agent.post(path, data=b" " * (size + 1), content_type="application/json").status_code == 413


def test_contents_are_cached_for_ever_sent_as_they_are_kept_and_only_to_whom_they_are_for(client, joined, agent, world):
    world.rollouts.add("web", BundleTarget(name="t", cluster_name=registered_cluster_name("a")))
    sha = agent.post(CHECK_IN, json={}).json["items"][0]["contentSHA256"]
    packed = agent.get(f"{CONTENTS}/{sha}", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert hashlib.sha256(gzip.decompress(packed.data)).hexdigest() == sha
    assert "immutable" in packed.headers["Cache-Control"]
    assert packed.headers["ETag"] == f'"{sha}"'
    same = agent.get(f"{CONTENTS}/{sha}", headers={"If-None-Match": packed.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    other = Session(client, joined.post(REGISTER, json={"clientID": "b"}).json["key"])
    for session, digest in ((other, sha), (agent, "0" * 64)):
        refused = session.get(f"{CONTENTS}/{digest}", headers={"If-None-Match": f'"{sha}"'})
        assert (refused.status_code, refused.json["code"]) == (404, "NotFound")


def test_a_crowd_gets_429_with_a_time_to_come_back(joined, world):
    with ExitStack() as crowd:
        for _ in range(Settings().threads // 2):
            crowd.enter_context(world.hub.register._gate.entered())
        refused = joined.post(REGISTER, json={"clientID": "a"})
    assert (refused.status_code, refused.json["code"]) == (429, "TooManyRequests")
    assert 5 <= int(refused.headers["Retry-After"]) <= 15


def test_a_key_is_rotated_and_taken_back_by_an_administrator_of_the_workspace(client, services, agent, joined):
    place = f"{CLUSTERS}/{NS}/{joined.post(REGISTER, json={'clientID': 'a'}).json['clusterName']}"
    admin = Session(client, services.tokens.create("admin", {NS: "admin"}))
    member = Session(client, services.tokens.create("member", {NS: "member"}))
    assert member.post(f"{place}?action=revokeAgentKey").status_code == 403
    assert admin.post(f"{place}?action=rotateAgentKey&dryRun=All").json["dryRun"] is True
    assert "key" not in agent.post(CHECK_IN, json={}).json
    assert admin.post(f"{place}?action=rotateAgentKey").status_code == 200
    newer = agent.post(CHECK_IN, json={}).json["key"]
    assert newer != agent.token
    assert admin.post(f"{place}?action=revokeAgentKey").status_code == 200
    for key in (agent.token, newer):
        refused = Session(client, key).post(CHECK_IN, json={})
        assert (refused.status_code, "taken back" in refused.json["message"]) == (401, True)


def test_where_no_engine_runs_agents_are_told_so(services):
    services.store.create(FleetWorkspace(metadata=ObjectMeta(name=NS)))
    refused = Session(create_app(services).test_client(), "agent-1").post(CHECK_IN, json={})
    assert (refused.status_code, refused.json["code"]) == (404, "NotFound")


def test_neither_keys_nor_secrets_are_logged_or_told(joined, client, world, admin):
    with structlog.testing.capture_logs() as lines:
        key = joined.post(REGISTER, json={"clientID": "a"}).json["key"]
        broken = Session(client, key[:-1]).post(CHECK_IN, json={})
        Session(client, key).post(CHECK_IN, json={"since": 3})
        Session(client, joined.token[:-1]).post(REGISTER, json={"clientID": "b"})
    told = f"{lines}{broken.data!r}{admin.get('/v1/secrets').data!r}"
    for secret in (key, joined.token):
        assert secret.rpartition(".")[2][:20] not in told


@pytest.mark.parametrize(("engine", "agent"), [("embedded", "continuous-delivery-agent"), ("fleet", "fleet-agent")])
def test_the_command_installs_the_agent_of_the_engine_that_deploys(services, world, engine, agent):
    world.token("here")
    app = create_app(dataclasses.replace(services, settings=dataclasses.replace(services.settings, engine=engine)))
    admin = Session(app.test_client(), services.tokens.create("admin", {NS: "admin"}))
    told = admin.post(f"/v1/fleet.cattle.io.clusterregistrationtokens/{NS}/here?action=values").json
    assert told["command"].split()[:4] == ["helm", "install", agent, agent if engine == "fleet" else f"helm/{agent}"]
    assert told["command"].endswith("--values -")


def test_what_a_cluster_registers_with_is_shown_to_administrators_of_the_workspace(client, services, world, store):
    world.token("here")
    place = f"/v1/fleet.cattle.io.clusterregistrationtokens/{NS}"
    admin = Session(client, services.tokens.create("admin", {NS: "admin"}))
    shown = yaml.load(admin.post(f"{place}/here?action=values").json["values"])
    assert Session(client, shown["token"]).post(REGISTER, json={"clientID": "a"}).status_code == 200
    assert shown["clusterNamespace"] == NS
    for role, status in (("member", 403), ("read-only", 403)):
        refused = Session(client, services.tokens.create(role, {NS: role})).post(f"{place}/here?action=values")
        assert refused.status_code == status and shown["token"] not in refused.text
    store.create(ClusterRegistrationToken(metadata=ObjectMeta(name="young", namespace=NS)))
    assert admin.post(f"{place}/young?action=values").status_code == 404
    store.delete(Secret, NS, "here")
    store.create(Secret(metadata=ObjectMeta(name="here", namespace=NS), data={"values": b"somebody else's"}))
    assert admin.post(f"{place}/here?action=values").status_code == 404


@pytest.fixture
def told(agent, world):
    """The body of a check-in of an agent that knows everything."""
    world.rollouts.add("web")
    since = agent.post(CHECK_IN, json={}).json["since"]
    world.caught_up()
    agent.post(CHECK_IN, json={"since": since})  # the cluster is read again after the change
    return json.dumps({"since": since})


def test_a_check_in_gets_the_same_answer_by_the_short_way_as_by_the_long_one(agent, told, monkeypatch):
    asked = []
    monkeypatch.setattr(agents, "served", lambda services: asked.append("long way") or services.agents)
    short = agent.post(CHECK_IN, data=told, content_type="application/json")
    assert asked == []
    whole = agent.post(CHECK_IN, data=told, content_type="application/json; charset=utf-8")
    assert asked == ["long way"]
    same = {AFTER, *SECURITY_HEADERS}
    assert short.status_code == whole.status_code == 204
    assert {name: short.headers[name] for name in same} == {name: whole.headers[name] for name in same}


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 422), (b'{"since": 1}', 422), (b"", 422), (b'{"since": "' + b"x" * 300 + b'"}', 200), (b" " * 5000, 413)]
)
def test_what_is_no_plain_check_in_goes_the_long_way(agent, told, body, status):
    assert agent.post(CHECK_IN, data=body, content_type="application/json").status_code == status


def test_check_ins_of_both_ways_are_counted(agent, told, client):
    agent.post(CHECK_IN, data=told, content_type="application/json")
    text = client.get("/metrics").text
    counted = [line for line in text.splitlines() if line.startswith("rancher_cd_http_requests_total") and CHECK_IN in line]
    assert {line.partition('status="')[2][:3]: float(line.split()[-1]) for line in counted} == {"200": 1.0, "204": 2.0}


def test_charts_and_copies_are_only_for_whom_they_are(client, joined, agent, world):
    name = registered_cluster_name("a")
    world.store.create(Secret(metadata=ObjectMeta(name="s", namespace=NS), data={"k": b"canary"}))
    copied = (DownstreamResource(kind="Secret", name="s"),)
    world.rollouts.add("web", BundleTarget(name="t", cluster_name=name), downstream_resources=copied)
    number = agent.post(CHECK_IN, json={}).json["items"][0]["bundleID"]
    shown = agent.get(f"/agent/v1/copies/{number}")
    assert shown.json["objects"][0]["data"] == {"k": base64.b64encode(b"canary").decode()} and shown.json["generation"] > 0
    assert shown.headers["Cache-Control"] == "no-store"
    files = agent.get(f"/agent/v1/charts/{number}")
    assert "resources" in json.loads(files.data)
    other = Session(client, joined.post(REGISTER, json={"clientID": "b"}).json["key"])
    for place in ("charts", "copies"):
        assert other.get(f"/agent/v1/{place}/{number}").status_code == 404
        assert agent.get(f"/agent/v1/{place}/{number + 1}").status_code == 404
    world.store.delete(Secret, NS, "s")
    refused = agent.get(f"/agent/v1/copies/{number}")
    assert (refused.status_code, "Secret ws/s does not exist" in refused.json["message"]) == (422, True)


def test_a_forced_update_is_told_with_the_work_and_ends_when_the_agent_says_so(agent, world):
    name = registered_cluster_name("a")
    known = agent.post(CHECK_IN, json={}).json
    assert known.get("agentGeneration", 0) == 0
    cluster = world.store.get(Cluster, NS, name)
    world.store.update(msgspec.structs.replace(cluster, spec=msgspec.structs.replace(cluster.spec, redeploy_agent_generation=2)))
    world.caught_up()
    assert agent.post(CHECK_IN, json={"since": known["since"]}).json["agentGeneration"] == 2
    assert agent.post(REPORTS, json={"reports": [], "agentGeneration": 9}).status_code == 200
    assert world.store.get(Cluster, NS, name).status.agent_deployed_generation is None
    assert agent.post(REPORTS, json={"reports": [], "agentGeneration": 2}).status_code == 200
    assert world.store.get(Cluster, NS, name).status.agent_deployed_generation == 2
