"""The tables of `get`, letter by letter: what a person reads, and what scripts cut columns out of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from extension.commands.objects import described, shown
from extension.commands.tables import KINDS, Kind, age, aligned, kind, none, table


def known(name: str) -> Kind:
    found = kind(name)
    assert found is not None
    return found


def ago(**passed: int) -> str:
    return (datetime.now(UTC) - timedelta(**passed)).strftime("%Y-%m-%dT%H:%M:%SZ")


def row(name: str, state: str = "active", message: str = "", workspace: str = "fleet-default", **parts: Any) -> dict[str, Any]:
    metadata = {"name": name, "creationTimestamp": ago(days=3), "state": {"name": state, "message": message}, "namespace": workspace}
    return {"id": f"{workspace}/{name}", "type": "x", "links": {}, "actions": {}, "metadata": metadata, **parts}


def display(**fields: str) -> dict[str, Any]:
    return {"status": {"display": fields}}


COMMIT = {"commit": "657a4ef0c9a1"}
GITREPOS = [
    row("shop", spec={"repo": "https://example.org/shop"}, status={**COMMIT, "display": {"readyBundleDeployments": "6/6"}}),
    row(
        "a-name-much-longer-than-the-others",
        "errapplied",
        "line one\nline two",
        spec={"repo": "git@example.org:a.git"},
        status={"display": {"readyBundleDeployments": "0/3"}},
    ),
    row("new", "pending", spec={"repo": "https://example.org/new"}),
]
NIGHTS = {"schedule": "0 0 22 * * *", "duration": "2h"}
GOLDEN = {
    "gitrepo": (
        GITREPOS,
        """\
NAME                                 REPO                       COMMIT    BUNDLEDEPLOYMENTS-READY   STATE        MESSAGE             AGE
shop                                 https://example.org/shop   657a4ef   6/6                       active                           3d
a-name-much-longer-than-the-others   git@example.org:a.git                0/3                       errapplied   line one line two   3d
new                                  https://example.org/new                                        pending                          3d
""",
    ),
    "bundle": (
        [row("shop-web", "modified", "configmap shop/settings changed", **display(readyClusters="1/3"))],
        """\
NAME       BUNDLEDEPLOYMENTS-READY   STATE      MESSAGE                           AGE
shop-web   1/3                       modified   configmap shop/settings changed   3d
""",
    ),
    "bd": (
        [
            {
                **row("web", workspace="cluster-a-b-1", **display(deployed="True", monitored="False", state="NotReady")),
                "metadata": {"name": "web", "namespace": "cluster-a-b-1", "labels": {"fleet.cattle.io/cluster": "berlin"}},
            }
        ],
        """\
NAME   CLUSTER   DEPLOYED   MONITORED   STATE
web    berlin    True       False       NotReady
""",
    ),
    "cluster": (
        [
            row("berlin", status={"display": {"readyBundles": "3/3"}, "agent": {"lastSeen": ago(hours=5, minutes=5)}}),
            row("waiting", "wait-check-in"),
        ],
        """\
NAME      BUNDLES-READY   LAST-SEEN   STATE           MESSAGE   AGE
berlin    3/3             5h          active                    3d
waiting                               wait-check-in             3d
""",
    ),
    "cg": (
        [row("production", **display(readyClusters="2/2", readyBundles="6/6"))],
        """\
NAME         CLUSTERS-READY   BUNDLES-READY   STATE    MESSAGE   AGE
production   2/2              6/6             active             3d
""",
    ),
    "crt": ([row("t", status={"secretName": "t-secret"})], "NAME   SECRET-NAME   AGE\nt      t-secret      3d\n"),
    "imagescan": (
        [row("imagescan-shop-0", spec={"image": "org/app"}, status={"latestTag": "1.2.0"})],
        "NAME               REPOSITORY   LATEST   AGE\nimagescan-shop-0   org/app      1.2.0    3d\n",
    ),
    "ho": (
        [
            row(
                "web",
                "waitapplied",
                "WaitApplied(1) [Bundle web]",
                spec={"helm": {"repo": "https://charts.example.org", "chart": "web", "version": "^1"}},
                status={"version": "1.2.3", "display": {"readyBundleDeployments": "1/2"}},
            ),
            row("new", spec={"helm": {"repo": "oci://registry.example.org/app"}}),
        ],
        """\
NAME   REPO                             CHART   VERSION   BUNDLEDEPLOYMENTS-READY   STATE         MESSAGE                       AGE
web    https://charts.example.org       web     1.2.3     1/2                       waitapplied   WaitApplied(1) [Bundle web]   3d
new    oci://registry.example.org/app                                               active                                      3d
""",
    ),
    "schedule": (
        [
            row("nights", spec=NIGHTS, status={"active": True, "nextStartTime": "2026-11-24T22:00:00Z"}),
            row("never", "error", "no time zone", spec={**NIGHTS, "location": "Atlantis"}),
        ],
        """\
NAME     SCHEDULE       DURATION   ACTIVE   NEXTSTART              STATE    MESSAGE        AGE
nights   0 0 22 * * *   2h         true     2026-11-24T22:00:00Z   active                  3d
never    0 0 22 * * *   2h         false                           error    no time zone   3d
""",
    ),
    "grr": (
        [row("team", defaultServiceAccount="web", allowedServiceAccounts=["web", "db"]), row("open")],
        """\
NAME   DEFAULT-SERVICEACCOUNT   ALLOWED-SERVICEACCOUNTS   AGE
team   web                      web,db                    3d
open                                                      3d
""",
    ),
    "errors": (
        [{**row("3f2a-errapplied", "errapplied", "pull of <n> denied"), "clusters": 412, "bundles": ["db", "web"], "since": ago(hours=2)}],
        """\
NAME              CLUSTERS   BUNDLES   STATE        SINCE   MESSAGE
3f2a-errapplied   412        db,web    errapplied   2h      pull of <n> denied
""",
    ),
    "policies": ([row("tenants", requireServiceAccount=True)], "NAME      AGE\ntenants   3d\n"),
    "bnm": ([row("to-edge")], "NAME      AGE\nto-edge   3d\n"),
    "workspace": ([row("edge", workspace="")], "NAME   AGE\nedge   3d\n"),
    "secret": (
        [row("git", _type="kubernetes.io/basic-auth")],
        "NAME   TYPE                       AGE\ngit    kubernetes.io/basic-auth   3d\n",
    ),
    "cm": ([row("settings")], "NAME       AGE\nsettings   3d\n"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_kind_has_fleets_columns_as_wide_as_their_widest_cell(name: str) -> None:
    rows, wanted = GOLDEN[name]
    assert table(known(name), rows, workspaces=False) == wanted


def test_every_kind_has_a_golden_table() -> None:
    assert {known(name).plural for name in GOLDEN} == {one.plural for one in KINDS}


def test_all_workspaces_add_a_column_but_not_to_what_lies_in_none() -> None:
    both = [row("settings"), row("settings", workspace="edge")]
    assert table(known("cm"), both, workspaces=True) == (
        "WORKSPACE       NAME       AGE\nfleet-default   settings   3d\nedge            settings   3d\n"
    )
    assert table(known("workspace"), [row("edge", workspace="")], workspaces=True) == "NAME   AGE\nedge   3d\n"


def test_columns_are_as_wide_as_a_terminal_shows_their_letters() -> None:
    assert aligned([["NAME", "ROLE"], ["東京", "admin"], ["Zoe\u0308", "member"]]) == "NAME   ROLE\n東京   admin\nZoe\u0308    member\n"


def test_a_message_can_not_move_the_terminals_cursor() -> None:
    assert aligned([["a\x1b[2Jb\r\nc\td"]]) == "a [2Jb  c d\n"
    assert "\x1b" not in described(known("gitrepo"), row("shop", "errapplied", "\x1b[2Jgone"))


@pytest.mark.parametrize(
    ("passed", "shown_as"),
    [({"seconds": 5}, "5s"), ({"seconds": -30}, "0s"), ({"seconds": 61}, "1m"), ({"minutes": 59}, "59m"),
     ({"hours": 23}, "23h"), ({"days": 400}, "400d")],
)  # fmt: skip
def test_an_age_is_told_in_its_largest_unit(passed: dict[str, int], shown_as: str) -> None:
    assert age({"metadata": {"creationTimestamp": ago(**passed)}}) == shown_as


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (none(known("gr"), "edge"), "no gitrepos in workspace edge"),
        (none(known("cm"), "edge", selector="a=b"), "no configmaps in workspace edge with a=b"),
        (none(known("bd"), "edge", everywhere=True), "no bundledeployments in any workspace"),
        (none(known("workspaces"), "edge", selector="a=b"), "no fleetworkspaces with a=b"),
    ],
)
def test_an_empty_list_says_of_what_and_where(said: str, wanted: str) -> None:
    assert said == wanted


@pytest.mark.parametrize(("output", "wanted"), [("table", ""), ("name", ""), ("yaml", "")])
def test_an_empty_list_prints_nothing_a_program_could_take_for_an_object(output: str, wanted: str) -> None:
    assert shown(known("gitrepo"), [], output, one=False, workspaces=False) == wanted


def test_names_can_be_given_to_another_command() -> None:
    assert shown(known("gr"), [row("shop"), row("new")], "name", one=False, workspaces=False) == "gitrepo/shop\ngitrepo/new\n"


def test_json_and_yaml_are_kubernetes_documents_without_what_the_api_adds() -> None:
    secret = row("git", apiVersion="v1", kind="Secret", data={"password": None}, _type="kubernetes.io/basic-auth")
    secret["metadata"]["fields"] = ["git"]
    text = shown(known("secret"), [secret], "yaml", one=True, workspaces=False)
    assert text.startswith("metadata:\n  name: git\n") and text.endswith("data:\n  password: null\ntype: kubernetes.io/basic-auth\n")
    assert shown(known("secret"), [secret], "json", one=False, workspaces=False).startswith('{\n  "apiVersion": "v1",\n  "kind": "List",')
    assert not any(word in text for word in ("links", "actions", "fields"))


def test_a_description_tells_what_is_not_ready_and_why() -> None:
    status = {
        "display": {"readyClusters": "0/1"},
        "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": ago(hours=2), "message": "NotReady(1)"}, {"type": "Odd"}],
        "summary": {"nonReadyResources": [{"name": "berlin", "bundleState": "NotReady", "message": "deployment web"}]},
    }
    found = row("web", "notready", "NotReady(1)", kind="Bundle", status=status)
    found["metadata"]["labels"] = {"b": "2", "a": "1"}
    assert described(known("bundle"), found) == (
        "Kind:                      Bundle\n"
        "Name:                      web\n"
        "Workspace:                 fleet-default\n"
        "Age:                       3d\n"
        "State:                     notready\n"
        "Message:                   NotReady(1)\n"
        "Bundledeployments-ready:   0/1\n"
        "Labels:\n  a=1\n  b=2\n"
        "Conditions:\n  Ready=False for 2h: NotReady(1)\n  Odd=\n"
        "Not ready:\n  NotReady berlin: deployment web\n"
    )


EDITED = {
    "kind": "ConfigMap",
    "apiVersion": "v1",
    "name": "a",
    "changes": [{"path": "/data/key", "wanted": "1", "found": "2", "manager": "kubectl-edit", "time": "2026-11-29T12:00:00Z"}],
}


@pytest.mark.parametrize(
    ("name", "status", "place"),
    [
        ("bundledeployment", {"modifiedStatus": [EDITED]}, ""),
        ("bundle", {"summary": {"nonReadyResources": [{"name": "berlin", "modifiedStatus": [EDITED]}]}}, "berlin: "),
    ],
    ids=["of a deployment", "of a bundle's cluster"],
)
def test_a_description_tells_what_is_not_as_deployed_and_who_changed_it(name: str, status: Any, place: str) -> None:
    change = "data.key is 2, deployed 1, changed by kubectl-edit at 2026-11-29T12:00:00Z"
    text = described(known(name), row("web", "modified", status=status))
    assert f"Not as deployed:\n  {place}configmap.v1 a modified:\n  {place}  {change}\n" in text


def test_a_description_tells_what_an_object_without_a_spec_says() -> None:
    found = row("tenants", kind="Policy", requireServiceAccount=True, helmOp={"allowedChartPatterns": ["web.*"]})
    assert described(known("policy"), found).endswith(
        'Says:\n  requireServiceAccount: true\n  helmOp:\n    allowedChartPatterns:\n    - "web.*"\n'
    )


@pytest.mark.parametrize("name", ["secret", "cm"])
def test_a_description_never_tells_what_a_secret_or_configmap_holds(name: str) -> None:
    parts = {"_type": "Opaque", "immutable": True, "data": {"k": "hidden"}, "binaryData": {"b": "hidden"}, "stringData": {"s": "hidden"}}
    assert "hidden" not in described(known(name), row("git", **parts))
