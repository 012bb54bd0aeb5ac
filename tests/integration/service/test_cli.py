"""`rancher-cd` against a running demonstration: every verb, as a person at a terminal uses it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extension.commands.tables import KINDS
from extension.objects import yaml
from extension.objects.yaml_dump import dump, dump_all
from tests.integration.service.cli import Cli
from tests.integration.service.running import Service, start, wait_for

pytestmark = pytest.mark.xdist_group("cli")

EXAMPLES = Path(__file__).parents[3] / "examples"
PASSWORD = "hunter2-of-the-repository"
SECRET = {"kind": "Secret", "metadata": {"name": "git"}, "type": "kubernetes.io/basic-auth", "stringData": {"password": PASSWORD}}
MAP = {"kind": "ConfigMap", "metadata": {"name": "settings", "labels": {"of": "cli"}}, "data": {"key": "value"}}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = start(tmp_path_factory.mktemp("cli") / "state", "--demo", "--drift-interval", "1", "--polling-interval", "1")
    try:
        wait_for(lambda: "\nready\n" in running.log.read_text(), "the demonstration")
        yield running
    finally:
        running.stop()
    assert "Traceback" not in running.log.read_text(), running.log.read_text()


@pytest.fixture
def cli(service: Service) -> Cli:
    return Cli(service.url, service.line("token: "))


def test_get_lists_what_is_in_a_workspace(cli: Cli) -> None:
    lines = cli.cells("get", "gitrepos")
    assert lines[0] == ["NAME", "REPO", "COMMIT", "BUNDLEDEPLOYMENTS-READY", "STATE", "MESSAGE", "AGE"]
    assert [(line[0], *line[3:5]) for line in lines[1:]] == [("shop", "6/6", "active"), ("welcome", "3/3", "active")]
    assert [line[0] for line in cli.cells("get", "gr", "-n", "edge")[1:]] == ["kiosks"]
    assert [line[:2] for line in cli.cells("get", "gitrepo", "-A")[1:]] == [
        ["edge", "kiosks"], ["fleet-default", "shop"], ["fleet-default", "welcome"], ["fleet-local", "welcome"],
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.names[0])
def test_get_shows_every_kind_in_every_form(cli: Cli, kind: Any) -> None:
    rows = json.loads(cli.does("get", kind.names[0], "-A", "-o", "json"))["items"]
    assert {row["kind"].lower() for row in rows} <= {kind.names[0]}
    names = [f"{kind.names[0]}/{row['metadata']['name']}" for row in rows]
    assert cli.does("get", kind.names[1], "-A", "-o", "name").splitlines() == names
    documents = cli.documents("get", kind.plural, "-A", "-o", "yaml")
    assert [f"{kind.names[0]}/{one['metadata']['name']}" for one in documents] == names
    assert all("links" not in one and "actions" not in one for one in documents)
    assert len(cli.does("get", kind.names[-1], "-A").splitlines()) == (len(names) + 1 if names else 0)


def test_get_selects_by_label(cli: Cli) -> None:
    assert cli.does("get", "cluster", "-l", "env=production", "-o", "name") == "cluster/berlin\ncluster/boston\n"
    assert cli.does("get", "cluster", "-A", "-l", "region in (eu),env!=production", "-o", "name") == "cluster/kiosk-001\ncluster/staging\n"


def test_an_empty_list_says_so_beside_the_output(cli: Cli) -> None:
    result = cli.run("get", "cluster", "-l", "env=none")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no clusters in workspace fleet-default with env=none\n")
    assert cli.run("get", "bnm", "-n", "edge").stderr == "no bundlenamespacemappings in workspace edge\n"
    assert cli.does("get", "bnm", "-o", "json") == '{\n  "apiVersion": "v1",\n  "kind": "List",\n  "items": []\n}\n'


def test_deployments_are_found_by_workspace_by_bundle_and_by_their_own_namespace(cli: Cli) -> None:
    of_bundle = cli.cells("get", "bd", "welcome-01-raw-overlays")
    assert [line[1] for line in of_bundle[1:]] == ["berlin", "boston", "staging"]
    assert len(cli.cells("get", "bd")) == 10
    namespace = json.loads(cli.does("get", "bd", "kiosks-03-kustomize", "-n", "edge", "-o", "json"))["items"][0]["metadata"]["namespace"]
    assert namespace.startswith("cluster-edge-kiosk-001-")
    assert cli.does("get", "bd", "-n", namespace, "-o", "name") == "bundledeployment/kiosks-03-kustomize\n"
    assert cli.does("describe", "bd", "kiosks-03-kustomize", "-n", namespace).count("Name:") == 1


def test_describe_tells_state_and_conditions(cli: Cli) -> None:
    text = cli.does("describe", "gitrepo", "shop")
    assert text.startswith(
        "Kind:                      GitRepo\nName:                      shop\nWorkspace:                 fleet-default\n"
    )
    assert "State:                     active\n" in text and "\nConditions:\n" in text and "  Ready=True for " in text
    assert "\nEvents:\n" in text and " Normal GotNewCommit: " in text and " Normal Ready\n" in text
    berlin = cli.does("describe", "cluster", "berlin")
    assert "  env=production\n" in berlin and " Normal Deployed: Bundle fleet-default/" in berlin
    assert "Workspace:" not in cli.does("describe", "workspace", "edge")


def test_create_takes_many_objects_puts_them_into_the_workspace_and_delete_removes_them(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "objects.yaml"
    file.write_text(dump_all([MAP, {**MAP, "metadata": {"name": "settings", "namespace": "fleet-default"}}]))
    assert cli.does("create", "-n", "edge", "-f", str(file)) == "configmap/settings created\nconfigmap/settings created\n"
    assert [line[:2] for line in cli.cells("get", "cm", "-A")[1:]] == [["edge", "settings"], ["fleet-default", "settings"]]
    saved = cli.does("get", "cm", "settings", "-n", "edge", "-o", "yaml")
    assert cli.does("delete", "configmap", "settings", "-n", "edge") == "configmap/settings deleted\n"
    assert cli.does("create", "-f", "-", text=saved) == "configmap/settings created\n"
    whole = cli.does("get", "cm", "-A", "-o", "json")
    for workspace in ("edge", "fleet-default"):
        cli.does("delete", "cm", "settings", "-n", workspace)
    assert cli.does("create", "-f", "-", text=whole).count("created") == 2
    for workspace in ("edge", "fleet-default"):
        cli.does("delete", "cm", "settings", "-n", workspace)
    assert cli.does("get", "cm", "-A") == ""


def test_pause_holds_back_a_commit_until_unpause(cli: Cli, service: Service) -> None:
    deployed = next(service.deployed("edge", "kiosk-001").rglob("*edge-settings.yaml"))
    repository = service.state / "demo" / "repo"
    patch = repository / "03-kustomize" / "overlays" / "edge" / "kustomization.yaml"
    assert cli.does("pause", "gitrepo", "kiosks", "-n", "edge") == "gitrepo/kiosks paused\n"
    patch.write_text(patch.read_text().replace("offline-first", "offline-only"))
    subprocess.run(["git", "commit", "-qam", "offline only"], cwd=repository, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True).stdout.strip()
    wait_for(lambda: service.repo("fleet-local", "welcome")["status"]["commit"] == head, "the commit where nothing is paused")
    time.sleep(1.5)
    assert "offline-first" in deployed.read_text()
    assert cli.does("unpause", "gr", "kiosks", "-n", "edge") == "gitrepo/kiosks unpaused\n"
    wait_for(lambda: "offline-only" in deployed.read_text(), "the commit")


def test_a_selector_pauses_all_it_matches(cli: Cli) -> None:
    assert cli.does("pause", "cluster", "-l", "env=production") == "cluster/berlin paused\ncluster/boston paused\n"
    assert cli.does("unpause", "cluster", "berlin", "boston") == "cluster/berlin unpaused\ncluster/boston unpaused\n"
    assert cli.run("pause", "cluster", "-l", "env=none").stderr == "no clusters in workspace fleet-default with env=none\n"


def test_force_update_deploys_again(cli: Cli, service: Service) -> None:
    deployed = next(service.deployed("edge", "kiosk-001").rglob("*edge-settings.yaml"))
    before = deployed.stat().st_mtime_ns
    told = cli.does("force-update", "gitrepo", "kiosks", "-n", "edge", "--wait", "60")
    assert told == "gitrepo/kiosks will be updated\ngitrepo/kiosks is updated\n"
    wait_for(lambda: deployed.exists() and deployed.stat().st_mtime_ns > before, "the deployment")
    name, *cells = cli.cells("operation")[1]
    assert cells[:3] == ["forceUpdate", "1", "demo"]
    assert cli.cells("operation", name)[1] == ["edge/kiosks", "done"]
    assert "only a move can be taken back" in cli.fails("operation", name, "--undo")


def test_an_error_is_tried_again_where_it_is_said(cli: Cli, service: Service) -> None:
    wrong = {"name": "a.yaml", "content": "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n"}
    spec = {"resources": [wrong], "targets": [{"clusterName": "kiosk-001"}]}
    bundle = {"apiVersion": "fleet.cattle.io/v1alpha1", "kind": "Bundle", "metadata": {"name": "nameless"}, "spec": spec}
    cli.does("create", "-n", "edge", "-f", "-", text=dump(bundle))
    wait_for(lambda: "has no name" in cli.does("get", "errors", "-n", "edge"), "the error")
    (error,) = [cells[0] for cells in cli.cells("get", "errors", "-n", "edge") if "nameless" in cells]
    told = cli.does("force-update", "error", error, "-n", "edge", "--wait", "60")
    assert told == "cluster/kiosk-001 will be updated\ncluster/kiosk-001 is updated\n"
    cli.does("delete", "bundle", "nameless", "-n", "edge")


def test_tokens_are_shown_once_limited_to_their_workspace_and_refused_when_revoked(cli: Cli, service: Service) -> None:
    created = cli.does("token", "create", "reader", "--role", "edge=read-only", "--ttl", "1h").removeprefix("token: ").strip()
    token_id, _, secret = created.partition(":")
    line = next(line for line in cli.cells("token", "list") if line[0] == token_id)
    assert line[1:3] == ["reader", "edge=read-only"] and line[3].endswith("Z")
    assert secret not in cli.does("token", "list") + service.log.read_text()
    reader = Cli(service.url, created)
    assert reader.does("get", "gitrepo", "-A", "-o", "name") == "gitrepo/kiosks\n"
    assert reader.fails("create", "-n", "edge", "-f", "-", text=dump(MAP)) == (
        "Error: -: configmap settings: you may not create ConfigMap edge/settings; "
        "it needs the role member in workspace edge (PermissionDenied)"
    )
    assert "it needs the role member" in reader.fails("pause", "gitrepo", "kiosks", "-n", "edge")
    assert "it needs the role admin" in reader.fails("token", "create", "x")
    assert reader.fails("get", "gitrepo", "shop").startswith("Error: GitRepo fleet-default/shop not found; ")
    assert cli.does("token", "revoke", token_id) == f"{token_id} revoked\n"
    assert "the token is unknown, expired or revoked; set --token-file" in reader.fails("get", "gitrepo", "-n", "edge")


def test_a_token_can_be_made_on_the_services_machine(cli: Cli, service: Service) -> None:
    made = Cli("http://127.0.0.1:1", "").does("token", "create", "local", "--state-dir", str(service.state)).removeprefix("token: ").strip()
    assert "cluster/berlin" in Cli(service.url, made).does("get", "cluster", "-o", "name")


def test_target_asks_the_service_and_deploy_renders_what_it_said(cli: Cli) -> None:
    bundle = cli.does("apply", "-o", "-", "-n", "fleet-default", "demo", "01-raw-overlays", folder=EXAMPLES)
    result = cli.run("target", "-b", "-", "-n", "fleet-default", "-l", text=bundle)
    assert result.exit_code == 0, result.output
    made = list(yaml.load_all(result.stdout))
    assert [one["kind"] for one in made] == ["Content", *["BundleDeployment"] * 3]
    assert {one["metadata"]["labels"]["fleet.cattle.io/cluster"] for one in made[1:]} == {"berlin", "boston", "staging"}
    given = list(yaml.load_all(result.stderr))
    assert {"Cluster", "ClusterGroup", "Namespace"} <= {one["kind"] for one in given} and all("links" not in one for one in given)
    rendered = yaml.load(cli.does("deploy", "--dry-run", "-i", "-", text=dump_all([made[0], made[1]])))
    assert next(one for one in rendered if one["kind"] == "ConfigMap")["data"]["level"] == "production"


def test_target_gives_the_content_the_service_deploys(cli: Cli, service: Service) -> None:
    folder = service.state / "demo" / "repo"
    bundle = cli.does("apply", "-o", "-", "-n", "edge", "kiosks", "03-kustomize", folder=folder)
    offline = cli.documents("target", "-b", "-", "-n", "edge", text=bundle)[1]
    stored = cli.documents("get", "bd", "kiosks-03-kustomize", "-n", "edge", "-o", "yaml")[0]
    assert offline["spec"]["deploymentID"].partition(":")[0] == stored["spec"]["deploymentID"].partition(":")[0]


def test_apply_writes_bundles_that_are_deployed_and_prunes_what_is_gone(cli: Cli, service: Service, tmp_path: Path) -> None:
    for name in ("01-raw-overlays", "02-helm-subchart"):
        shutil.copytree(EXAMPLES / name, tmp_path / name)
    applied = ("apply", "-n", "fleet-default", "mine", "-l", "by=cli")
    assert cli.does(*applied, "01-raw-overlays", "02-helm-subchart", folder=tmp_path).splitlines() == [
        "bundle mine-01-raw-overlays applied",
        "bundle mine-02-helm-subchart applied",
    ]
    assert cli.does("get", "bundle", "-l", "by=cli", "-o", "name") == "bundle/mine-01-raw-overlays\nbundle/mine-02-helm-subchart\n"
    assert cli.does("get", "secret", "mine-02-helm-subchart", "-o", "name") == "secret/mine-02-helm-subchart\n"
    again = cli.does(*applied, "01-raw-overlays", folder=tmp_path)
    assert again.splitlines() == ["bundle mine-01-raw-overlays applied", "bundle mine-02-helm-subchart removed"]
    wait_for(lambda: [line[1] for line in cli.cells("get", "bundle", "mine-01-raw-overlays")[1:]] == ["3/3"], "the bundle")
    cli.does("delete", "bundle", "mine-01-raw-overlays")
    wait_for(lambda: not cli.does("get", "bundle", "-l", "by=cli", "-o", "name"), "the bundles to go")


def test_move_tells_first_and_then_moves(cli: Cli, service: Service) -> None:
    told = cli.does("move", "staging", "edge", "--dry-run").splitlines()
    assert "leaves fleet-default/shop-02-helm-subchart" in told and "comes  edge/kiosks-03-kustomize" in told
    assert told[-1] == "cluster/staging would be moved to edge"
    assert "cluster/staging" in cli.does("get", "cluster", "-o", "name")
    moved = cli.does("move", "staging", "edge", "-l", "moved=yes").splitlines()
    assert moved[:-1] == told[:-1] and moved[-1] == "cluster/staging is moved to edge"
    assert cli.does("get", "cluster", "-n", "edge", "-l", "moved=yes", "-o", "name") == "cluster/staging\n"


def test_refusals_say_what_where_why_and_the_next_step(cli: Cli) -> None:
    assert cli.fails("get", "gitrepo", "nope") == (
        "Error: GitRepo fleet-default/nope not found; `rancher-cd get KIND --all-namespaces` shows what there is (NotFound)"
    )
    assert "no deployment of bundle nope in workspace edge" in cli.fails("describe", "bd", "nope", "-n", "edge")
    assert (
        cli.fails("get", "gitrepo", "-l", "a b")
        == "Error: labelSelector: can't be read at 'a b'; write for example env=prod,tier!=gold,region in (eu, us),!legacy (InvalidOption)"
    )
    assert "GitRepo edge/nope not found" in cli.fails("delete", "gitrepo", "nope", "-n", "edge")
    assert "the local cluster can't be deleted" in cli.fails("delete", "cluster", "local", "-n", "fleet-local")
    assert "Cluster fleet-default/nope not found" in cli.fails("force-update", "cluster", "nope")
    assert "workspace: nope does not exist" in cli.fails("move", "berlin", "nope")
    assert cli.fails("token", "revoke", "nope") == "Error: token nope not found; `rancher-cd token list` shows the tokens (NotFound)"
    assert "write for example 90s, 15m or 1h30m" in cli.fails("token", "create", "x", "--ttl", "2 days")
    wrong = dump({"kind": "GitRepo", "metadata": {"name": "web"}, "spec": {"repo": "https://example.org/x", "branch": 1}})
    assert cli.fails("create", "-f", "-", text=wrong) == "Error: -: gitrepo web: spec.branch: expected a text (InvalidFormat)"
    assert "an API token is needed; set --token-file, --token or RANCHER_CD_TOKEN" in Cli(cli.url, "").fails("get", "gitrepo")
    assert "no resource found" in cli.fails("apply", "demo", "no-such-folder")


def test_what_exists_already_is_refused_and_what_came_before_it_stays(cli: Cli) -> None:
    text = dump_all([MAP, MAP])
    result = cli.run("create", "-n", "edge", "-f", "-", text=text)
    assert (result.exit_code, result.stdout) == (1, "configmap/settings created\n")
    assert "ConfigMap edge/settings exists already (AlreadyExists)" in result.stderr
    cli.does("delete", "cm", "settings", "-n", "edge")


def test_no_verb_prints_a_secret(cli: Cli, service: Service) -> None:
    cli.does("create", "-f", "-", "-n", "edge", text=dump(SECRET))
    seen = "".join(cli.does("get", "secret", "git", "-n", "edge", "-o", form) for form in ("table", "json", "yaml", "name"))
    seen += cli.does("get", "secret", "-A", "-o", "json") + cli.does("describe", "secret", "git", "-n", "edge") + cli.does("token", "list")
    seen += cli.fails("create", "-f", "-", "-n", "edge", text=dump(SECRET))
    bundle = cli.does("apply", "-o", "-", "demo", "01-raw-overlays", folder=EXAMPLES)
    seen += cli.run("target", "-b", "-", "-n", "edge", "-l", text=bundle).output
    saved = cli.does("get", "secret", "git", "-n", "edge", "-o", "yaml")
    cli.does("delete", "secret", "git", "-n", "edge")
    seen += cli.fails("create", "-f", "-", text=saved)
    assert PASSWORD not in seen and "aHVudGVyMi1vZi10aGUt" not in seen
    assert cli.token.partition(":")[2] not in seen
    assert PASSWORD not in service.log.read_text()


def test_a_shell_sees_the_exit_codes_and_no_traceback(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{cli.token}\n")
    done = cli.in_a_process("get", "cluster", "--token-file", str(tmp_path / "token"), "-o", "name", RANCHER_CD_TOKEN="wrong")
    refused = cli.in_a_process("get", "cluster", "nope")
    unknown = cli.in_a_process("get", "cluster", RANCHER_CD_TOKEN="token-1:wrong")
    misused = cli.in_a_process("get", "nope")
    assert [one.returncode for one in (done, refused, unknown, misused)] == [0, 1, 1, 2]
    assert "cluster/berlin" in done.stdout and not done.stderr
    assert all("Error: " in one.stderr and "Traceback" not in one.stderr and not one.stdout for one in (refused, unknown, misused))
