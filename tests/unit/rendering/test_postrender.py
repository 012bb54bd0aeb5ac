import pytest

from extension.objects.errors import Invalid
from extension.objects.options import BundleDeploymentOptions
from extension.rendering.postrender import ID_ANNOTATION, INSTALL_ORDER, POLICY_ANNOTATION, finish, set_hash, set_id, split

OPTIONS = BundleDeploymentOptions()


def _object(kind: str, name: str = "a", **annotations: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "annotations": annotations}}


def _hook(name: str, events: str, **more: str) -> dict[str, object]:
    return _object(
        "Job", name, **{"helm.sh/hook": events, **{f"helm.sh/hook-{key.replace('_', '-')}": value for key, value in more.items()}}
    )


@pytest.mark.parametrize(
    ("bundle", "prefix", "scope", "want"),
    [
        ("demo", "default", "", "default-demo"),
        ("demo", "", "", "-demo"),
        ("demo", "default", "edge", "default-demo-edge"),
        ("fleet-agent-x", "default", "", "fleet-agent-bootstrap"),
        ("fleet-agent-x", "default", "edge", "fleet-agent-bootstrap-edge"),
    ],
)
def test_a_set_is_named_by_prefix_bundle_and_scope(bundle: str, prefix: str, scope: str, want: str) -> None:
    assert set_id(bundle, prefix, scope) == want


def test_the_hash_is_what_fleet_recorded() -> None:
    assert set_hash("-demo-ok") == "583f4f45e26fce47ba5f1bbb60d7b2d65afb0ca5"


@pytest.mark.parametrize(
    ("labels", "want"),
    [({"a": "b"}, {"a": "b"}), ({"a": None}, {"a": ""}), ({"a": 1, "b": "c"}, {}), ("text", {}), (None, {})],
    ids=["kept", "null-is-empty", "a-number-loses-all", "no-map", "none"],
)
def test_labels_are_read_as_kubernetes_reads_them(labels: object, want: dict[str, str]) -> None:
    found = finish({"kind": "A", "metadata": {"labels": labels}}, "i", OPTIONS, None)["metadata"]["labels"]
    assert {key: value for key, value in found.items() if not key.startswith("objectset")} == want


def test_only_crds_are_kept_and_not_when_told_otherwise() -> None:
    crd, other = _object("CustomResourceDefinition"), _object("ConfigMap")
    assert finish(crd, "i", OPTIONS, None)["metadata"]["annotations"] == {ID_ANNOTATION: "i", POLICY_ANNOTATION: "keep"}
    assert POLICY_ANNOTATION not in finish(other, "i", OPTIONS, None)["metadata"]["annotations"]
    told = BundleDeploymentOptions(delete_crd_resources=True)
    assert POLICY_ANNOTATION not in finish(crd, "i", told, None)["metadata"]["annotations"]


def test_a_forced_namespace_moves_namespaced_objects_and_refuses_others() -> None:
    options = BundleDeploymentOptions(namespace="n")

    def scopes(_: str, kind: str) -> bool | None:
        return {"ConfigMap": True, "Node": False}.get(kind)

    assert finish(_object("ConfigMap"), "i", options, scopes)["metadata"]["namespace"] == "n"
    assert finish(_object("Node"), "i", options, None)["metadata"]["namespace"] == "n"
    with pytest.raises(Invalid, match=r"cluster scoped object \[name=a kind=Node apiVersion=v1\]"):
        finish(_object("Node"), "i", options, scopes)
    with pytest.raises(Invalid, match='no matches for kind "Wat" in version "v1"'):
        finish(_object("Wat"), "i", options, scopes)


def test_the_given_object_is_not_changed() -> None:
    obj = _object("CustomResourceDefinition")
    finish(obj, "i", BundleDeploymentOptions(namespace="n"), None)
    assert obj == _object("CustomResourceDefinition")


def test_objects_come_in_helms_order_and_stay_in_theirs_within_a_kind() -> None:
    given = [
        _object("Zeta"),
        _object("Deployment", "b"),
        _object("Deployment", "a"),
        _object("Alpha"),
        _object("Namespace"),
        _object("Secret"),
    ]
    plain, hooks = split(given)
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in plain] == [
        *(("Namespace", "a"), ("Secret", "a"), ("Deployment", "b"), ("Deployment", "a"), ("Alpha", "a"), ("Zeta", "a"))
    ]
    assert hooks == ()
    assert len(set(INSTALL_ORDER)) == len(INSTALL_ORDER)


def test_hooks_are_told_from_objects() -> None:
    given = [
        _hook("late", "post-install, Post-Upgrade", weight="5", delete_policy="hook-succeeded,before-hook-creation"),
        _hook("early", "pre-install", weight="-5"),
        _hook("odd", "test-success", weight="x"),
        _hook("unknown", "crd-install"),
        _hook("partly", "pre-install,"),
        _hook("none", ""),
        _object("Job", "plain"),
    ]
    plain, hooks = split(given)
    assert [obj["metadata"]["name"] for obj in plain] == ["plain"]
    assert [(h.object["metadata"]["name"], h.events, h.weight) for h in hooks] == [
        ("early", ("pre-install",), -5),
        ("odd", ("test",), 0),
        ("late", ("post-install", "post-upgrade"), 5),
    ]
    assert hooks[2].delete_policies == ("hook-succeeded", "before-hook-creation")


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        pytest.param({"apiVersion": {"a": 1}}, "apiVersion must be text, not a map", id="version"),
        pytest.param({"metadata": {"name": ["a"]}}, "metadata.name must be text, not a list", id="name"),
        pytest.param({"metadata": "text"}, "metadata is no map", id="metadata"),
    ],
)
def test_a_head_that_helm_can_not_read_is_refused(obj: dict[str, object], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        finish({"kind": "A", **obj}, "i", OPTIONS, None)


def test_a_name_that_is_a_number_stays_one() -> None:
    assert finish({"kind": "A", "metadata": {"name": 1}}, "i", OPTIONS, None)["metadata"]["name"] == 1
