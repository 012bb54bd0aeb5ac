import msgspec
import pytest

from extension.objects.content import pack
from extension.objects.errors import Invalid
from extension.objects.kinds import BundleResource
from extension.objects.options import BundleDeploymentOptions, HelmOptions, KustomizeOptions, YAMLOptions
from extension.rendering import charts, render, style
from extension.rendering.helm import ChartRendering, ChartRequest, NativeHelm
from extension.rendering.kustomize import Kubectl

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
CHART = "apiVersion: v2\nname: c\nversion: 1.2.3\n"
HELM = NativeHelm()
KUBECTL = Kubectl()


class NoHelm:
    def render(self, request: ChartRequest) -> ChartRendering:
        raise AssertionError(f"{request.name} needed Helm")


class NoKubectl:
    def build(self, files: dict[str, bytes], folder: str, rendered: str) -> list[render.Object] | None:
        raise AssertionError(f"{folder} needed kubectl")

    def strategic_merge(self, original: render.Object, patch: render.Object) -> render.Object | None:
        raise AssertionError(f"{original} needed kubectl")


def _input(files: dict[str, str], name: str = "demo", **options: object) -> render.Input:
    resources = tuple(BundleResource(name=path, content=text) for path, text in files.items())
    return render.Input(name, BundleDeploymentOptions(**options), resources)  # type: ignore[arg-type]


def _render(files: dict[str, str], **options: object) -> render.Rendering:
    return render.render(_input(files, **options), HELM, KUBECTL)


def _names(rendering: render.Rendering) -> list[str]:
    return [obj["metadata"]["name"] for obj in rendering.objects]


def test_plain_manifests_need_neither_helm_nor_kubectl() -> None:
    given = _input({"a.yaml": CONFIG_MAP, "b/c.json": '{"kind": "A", "apiVersion": "v1", "metadata": {"name": "b"}}', "README.md": "x"})
    assert _names(render.render(given, NoHelm(), NoKubectl())) == ["a", "b"]


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"a.yaml": CONFIG_MAP}, id="one"),
        pytest.param({"a.yaml": CONFIG_MAP, "values.yaml": "a: {{ b }}", "d/e.yml": CONFIG_MAP, "x.json": "{}"}, id="several"),
        pytest.param({}, id="empty"),
    ],
)
def test_the_short_way_gives_what_helm_gives(files: dict[str, str]) -> None:
    data = {path: text.encode() for path, text in files.items()}
    chart = charts.build("demo", data, style.determine(data, BundleDeploymentOptions()), "s-abc")
    assert render.plain_rendering(chart, "demo") == HELM.render(ChartRequest(chart.packed, "demo"))


def test_the_release_is_named_and_placed_as_the_options_say() -> None:
    helm = HelmOptions(release_name="rel")
    assert render.release_of(_input({})) == ("demo", "default")
    assert render.release_of(_input({}, default_namespace="d")) == ("demo", "d")
    assert render.release_of(_input({}, default_namespace="d", namespace="n", helm=helm)) == ("rel", "n")
    assert render.release_of(_input({}, name="Some/Name"))[0].startswith("some-name-")


@pytest.mark.parametrize("name", ["Not_A_Release", "a" * 54, "-a", "a..b"])
def test_a_release_name_that_helm_refuses_is_refused_without_helm(name: str) -> None:
    with pytest.raises(Invalid, match="invalid release name"):
        render.render(_input({"a.yaml": CONFIG_MAP}, helm=HelmOptions(release_name=name)), NoHelm(), NoKubectl())


def test_templates_of_a_plain_bundle_get_values_and_the_rest_is_not_templated() -> None:
    rendering = _render(
        {"templates/t.yaml": CONFIG_MAP + "data: {x: {{ .Values.x | quote }}}\n", "raw.yaml": CONFIG_MAP.replace("a}", '"{{ b }}"}')},
        helm=HelmOptions(values={"x": 1}),
    )
    assert sorted((obj["metadata"]["name"], obj.get("data")) for obj in rendering.objects) == [("a", {"x": "1"}), ("{{ b }}", None)]


def test_values_from_lie_over_values_and_a_null_removes_a_default() -> None:
    files = {
        "Chart.yaml": CHART,
        "values.yaml": "a: 1\nb: 1\nc: 1\nd: 1\n",
        "templates/a.yaml": CONFIG_MAP + "data: {{ .Values | toJson }}\n",
    }
    given = _input(files, helm=HelmOptions(values={"a": 2, "b": 2, "d": None}))
    rendering = render.render(msgspec.structs.replace(given, values_from=({"b": 3},)), HELM, KUBECTL)
    assert rendering.objects[0]["data"] == {"a": 2, "b": 3, "c": 1}
    assert rendering.values == {"a": 2, "b": 3, "d": None}
    assert (rendering.chart["name"], rendering.chart["version"], rendering.chart_values["c"]) == ("c", "1.2.3", 1)


def test_a_chart_gives_hooks_crds_and_notes_apart() -> None:
    rendering = _render(
        {
            "Chart.yaml": CHART,
            "crds/x.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\n",
            "templates/a.yaml": CONFIG_MAP,
            "templates/NOTES.txt": "hello {{ .Release.Name }}",
            "templates/_h.tpl": "no: [yaml",
            "templates/h.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: h, annotations: {helm.sh/hook: test}}\n",
        }
    )
    assert _names(rendering) == ["a"]
    assert [(hook.object["metadata"]["name"], hook.events) for hook in rendering.hooks] == [("h", ("test",))]
    assert "objectset.rio.cattle.io/hash" in rendering.hooks[0].object["metadata"]["labels"]
    assert [crd["metadata"]["name"] for crd in rendering.crds] == ["x"]
    assert rendering.notes == "hello demo"


def test_the_folder_raw_yaml_of_a_chart_is_deployed_untemplated() -> None:
    rendering = _render({"Chart.yaml": CHART, "raw-yaml/a.yaml": CONFIG_MAP + 'data: {x: "{{ y }}"}\n'})
    assert rendering.objects[0]["data"] == {"x": "{{ y }}"}


def test_a_dependency_that_is_not_there_is_a_warning_that_names_it() -> None:
    chart = CHART + "dependencies: [{name: kid, version: 1.x, repository: 'https://charts.example.com'}]\n"
    [warning] = _render({"Chart.yaml": chart, "templates/a.yaml": CONFIG_MAP}).warnings
    assert all(word in warning for word in ("chart c", "kid", "helm dependency update"))


def test_a_file_with_a_document_that_is_no_object_is_left_out_whole() -> None:
    assert _names(_render({"a.yaml": f"{CONFIG_MAP}---\njust: values\n", "b.yaml": "kind: A\nmetadata: {name: no-version}\n"})) == []


def test_a_kustomization_renders_helms_output_too() -> None:
    rendering = _render(
        {"Chart.yaml": CHART, "templates/a.yaml": CONFIG_MAP, "k/kustomization.yaml": "namePrefix: p-\n"},
        kustomize=KustomizeOptions(dir="k"),
    )
    assert _names(rendering) == ["p-a"]


def test_a_kustomization_beside_others_is_not_used_without_its_folder() -> None:
    rendering = _render({"Chart.yaml": CHART, "templates/a.yaml": CONFIG_MAP, "k/kustomization.yaml": "namePrefix: p-\n"})
    assert _names(rendering) == ["a"]


def test_kustomize_reads_what_helm_rendered_and_not_what_fleet_read() -> None:
    crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x.y}\nspec: {group: y}\n"
    plain, through = {"Chart.yaml": CHART, "templates/a.yaml": crd}, {"kustomization.yaml": "labels: [{pairs: {a: b}}]\n"}
    assert _render(plain).objects[0]["spec"] == {"group": True}
    assert _render({**plain, **through}).objects[0]["spec"] == {"group": "y"}


def test_a_patch_of_annotations_finds_those_that_helm_put_there_for_a_while() -> None:
    patch = "patches:\n- target: {kind: ConfigMap}\n  patch: |-\n    - {op: add, path: /metadata/annotations/a, value: b}\n"
    [found] = _render({"Chart.yaml": CHART, "templates/a.yaml": CONFIG_MAP, "kustomization.yaml": patch}).objects
    assert found["metadata"]["annotations"] == {"a": "b", "objectset.rio.cattle.io/id": "default-demo"}


@pytest.mark.parametrize("kustomization", ["kustomization.yml", "Kustomization"])
def test_a_kustomization_of_another_spelling_is_an_object_or_nothing(kustomization: str) -> None:
    head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
    kinds = [obj["kind"] for obj in _render({"a.yaml": CONFIG_MAP, kustomization: f"{head}resources: [a.yaml]\n"}).objects]
    assert kinds == ["ConfigMap", "Kustomization"][: 1 + kustomization.endswith(".yml")]
    assert _names(_render({"a.yaml": CONFIG_MAP, kustomization: "resources: [a.yaml]\n"})) == ["a"]


def test_an_empty_namespace_in_braces_is_text() -> None:
    template = CONFIG_MAP.replace("a}", "a, namespace: {{ .Release.Namespace }}}")
    given = msgspec.structs.replace(_input({"Chart.yaml": CHART, "templates/a.yaml": template}), namespace="", set_id_prefix="")
    assert render.render(given, HELM, KUBECTL).objects[0]["metadata"]["namespace"] == ""


def test_a_dry_run_does_not_look_at_crds() -> None:
    given = _input({"Chart.yaml": CHART, "templates/a.yaml": CONFIG_MAP, "crds/x.yaml": "a: ["})
    assert render.render(msgspec.structs.replace(given, set_id_prefix=""), HELM, KUBECTL).crds == ()
    with pytest.raises(Invalid, match=r"crds/x\.yaml: yaml: line 2"):
        render.render(given, HELM, KUBECTL)


def test_a_dry_run_shows_an_object_without_metadata_as_it_is() -> None:
    given = _input({"a.yaml": "apiVersion: v1\nkind: A\nmetadata:\n"}, namespace="n")
    [shown] = render.render(msgspec.structs.replace(given, set_id_prefix=""), HELM, KUBECTL).objects
    [deployed] = render.render(given, HELM, KUBECTL).objects
    assert shown == {"apiVersion": "v1", "kind": "A"}
    assert deployed["metadata"]["namespace"] == "n"


def test_of_a_list_within_a_list_the_inner_one_is_marked() -> None:
    inner = "{apiVersion: v1, kind: ConfigMapList, items: [{metadata: {name: a}}]}"
    raw, template = {"l.yaml": f"apiVersion: v1\nkind: List\nitems: [{inner}]\n"}, {"templates/l.yaml": inner, "Chart.yaml": CHART}
    assert _render(raw).objects == ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}},)
    assert "labels" in _render(template).objects[0]["metadata"]


def test_of_a_plain_list_items_without_kind_or_version_are_left_out() -> None:
    items = (
        "[{apiVersion: v1, metadata: {name: x}}, {kind: A}, {apiVersion: 1, kind: A}, ~, {apiVersion: v1, kind: A, metadata: {name: z}}]"
    )
    assert _names(_render({"l.yaml": f"apiVersion: v1\nkind: List\nitems: {items}\n"})) == ["z"]


def test_overlays_are_for_plain_bundles_only() -> None:
    overlay = YAMLOptions(overlays=("o",))
    files = {"a.yaml": CONFIG_MAP, "overlays/o/a.yaml": CONFIG_MAP.replace("a}", "b}")}
    assert _names(_render(files, yaml=overlay)) == ["b"]
    assert _names(_render(files)) == ["a"]
    assert _names(_render({**files, "Chart.yaml": CHART, "templates/t.yaml": CONFIG_MAP}, yaml=overlay)) == ["a"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param({"a.yaml": "kind: A\n  b: c\n"}, ["a.yaml", "line 2"], id="raw-yaml"),
        pytest.param(
            {"Chart.yaml": CHART, "templates/a.yaml": "kind: A\n  b: {{ 1 }}\n"}, ["c/templates/a.yaml", "line 2"], id="rendered-yaml"
        ),
        pytest.param({"Chart.yaml": CHART, "templates/a.yaml": "a: b\n"}, ["c/templates/a.yaml", "'Kind' is missing"], id="no-kind"),
        pytest.param(
            {"Chart.yaml": CHART, "templates/a.yaml": "{{ .Values.x.y }}"}, ["chart c", "c/templates/a.yaml:1"], id="template-error"
        ),
        pytest.param({"Chart.yaml": CHART, "templates/a.yaml": "{{ if }}"}, ["chart c", "templates/a.yaml:1"], id="template-syntax"),
        pytest.param({"Chart.yaml": "a: ["}, ["demo", "Chart.yaml"], id="chart-yaml"),
        pytest.param({"Chart.yaml": CHART, "values.yaml": "- a\n"}, ["demo", "values.yaml"], id="values-yaml"),
        pytest.param({"kustomization.yaml": "resources: [nope.yaml]"}, ["kustomize", "nope.yaml"], id="kustomize-base"),
        pytest.param({"a.yaml": "{apiVersion: v1, kind: A}\n"}, ["a.yaml", "json: line 1 column 2", "begins with {"], id="flow-style"),
        pytest.param({"b/a.yaml": CONFIG_MAP + "--- x\n"}, ["b/a.yaml", "line 4", "separator"], id="separator"),
        pytest.param({"a.yaml": "apiVersion: v1\nkind: A\nmetadata: text\n"}, ["A", "metadata is no map"], id="metadata"),
        pytest.param(
            {"Chart.yaml": CHART, "templates/a.yaml": "{{ fail `because` }}"}, ["chart c", "c/templates/a.yaml:1", "because"], id="fail"
        ),
        pytest.param(
            {"Chart.yaml": CHART, "templates/a.yaml": "\n{{ required `give x` .Values.x }}"},
            ["templates/a.yaml:2", "give x"],
            id="required",
        ),
        pytest.param(
            {"Chart.yaml": CHART, "charts/s/Chart.yaml": CHART.replace("c\n", "s\n"), "charts/s/templates/b.yaml": "{{ include `no` . }}"},
            ["chart c", "c/charts/s/templates/b.yaml:1"],
            id="subchart",
        ),
        pytest.param({"templates/a.yaml": "kind: A\n\tb: c\n"}, ["demo/templates/a.yaml", "line 2", "column 1"], id="tab"),
        pytest.param({"Chart.yaml": CHART, "charts/x.tgz": "no archive"}, ["demo", "x.tgz in c"], id="packed-subchart"),
    ],
)
def test_an_error_names_the_file_and_the_cause(files: dict[str, str], words: list[str]) -> None:
    with pytest.raises(Invalid) as error:
        _render(files)
    assert [word for word in words if word not in str(error.value)] == []


def test_content_that_can_not_be_unpacked_is_an_error() -> None:
    broken = BundleResource(name="a.yaml", content="AAAA", encoding="base64+gz")
    with pytest.raises(Invalid, match=r"a\.yaml: the content can't be unpacked"):
        render.unpacked((broken,))


def test_packed_content_and_nameless_resources_are_files() -> None:
    files = render.unpacked((pack("b.bin", b"\xff"), BundleResource(content="x")))
    assert files == {"b.bin": b"\xff", "manifests/file001.yaml": b"x"}


def test_the_release_is_told_whether_it_is_an_upgrade() -> None:
    template = CONFIG_MAP + "data: {u: '{{ .Release.IsUpgrade }} {{ .Release.Revision }} {{ .Release.Namespace }}'}\n"
    given = msgspec.structs.replace(_input({"Chart.yaml": CHART, "templates/a.yaml": template}), is_upgrade=True, revision=4)
    assert render.render(given, HELM, KUBECTL).objects[0]["data"] == {"u": "true 4 default"}


def test_the_manifest_is_the_objects_as_yaml() -> None:
    rendering = _render({"a.yaml": CONFIG_MAP + "data: {k: 'y'}\n"})
    assert "---\napiVersion: v1\n" in rendering.manifest
    assert 'k: "y"' in rendering.manifest
