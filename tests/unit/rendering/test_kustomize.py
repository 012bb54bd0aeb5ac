import pytest

from extension.objects.errors import Invalid
from extension.rendering.kustomize import Kubectl

KUBECTL = Kubectl()
CONFIG_MAP = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def _build(files: dict[str, str], folder: str = "", rendered: str = "") -> list[dict[str, object]]:
    found = KUBECTL.build({name: text.encode() for name, text in files.items()}, folder, rendered)
    assert found is not None
    return found


def test_without_a_kustomization_there_is_nothing_to_build() -> None:
    assert KUBECTL.build({"kustomization.yml": b"{}", "x/kustomization.yaml": b"{}"}, "", "") is None


def test_what_helm_rendered_comes_first_and_once() -> None:
    files = {"o/kustomization.yaml": "resources: [b.yaml]\nnameSuffix: -s\n", "o/b.yaml": CONFIG_MAP.decode().replace("a}", "b}")}
    for kustomization in (files["o/kustomization.yaml"], "resources: [b.yaml, fleet-manifests.yaml]\nnameSuffix: -s\n"):
        found = _build({**files, "o/kustomization.yaml": kustomization}, "./o", CONFIG_MAP.decode())
        assert sorted(obj["metadata"]["name"] for obj in found) == ["a-s", "b-s"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("resources", "names"),
    [
        ("", ["a"]),
        ("# nothing\n", ["a"]),
        ("resources:\n", ["a"]),
        ("resources: b.yaml\n", ["a", "b"]),
        ("resources: [b.yaml]\n", ["a", "b"]),
    ],
)
def test_any_kustomization_gets_what_helm_rendered(resources: str, names: list[str]) -> None:
    found = _build({"kustomization.yaml": resources, "b.yaml": CONFIG_MAP.decode().replace("a}", "b}")}, "", CONFIG_MAP.decode())
    assert sorted(obj["metadata"]["name"] for obj in found) == names  # type: ignore[index]


@pytest.mark.parametrize("name", ["a b.txt", "ü.yaml", "a#b/c", "a+b", "a@b", "a..b", "x/(y)", "日本", "a\tb"])
@pytest.mark.parametrize("kustomization", ["kustomization.yaml", "sub/kustomization.yml"])
def test_a_name_that_fleets_kustomize_has_no_room_for_is_an_error_that_says_which(name: str, kustomization: str) -> None:
    with pytest.raises(Invalid, match=r"illegal name .*letters, digits") as error:
        KUBECTL.build({kustomization: b"resources: [a.yaml]", "a.yaml": CONFIG_MAP, name: b""}, "", "")
    assert error.value.where == name


@pytest.mark.parametrize("name", ["a-b_c.D:9", ".hidden", "-x", "d/e/f"])
def test_other_names_are_fine(name: str) -> None:
    assert len(_build({"kustomization.yaml": "resources: [a.yaml]", "a.yaml": CONFIG_MAP.decode(), name: ""})) == 1


def test_a_folder_outside_of_the_bundle_is_refused() -> None:
    with pytest.raises(Invalid, match=r"\.\./o lies outside of the bundle") as error:
        _build({"o/kustomization.yaml": ""}, "../o")
    assert error.value.field == "kustomize.dir"


def test_the_root_may_be_left_downwards_only() -> None:
    files = {
        "base/kustomization.yaml": "resources: [a.yaml]",
        "base/a.yaml": CONFIG_MAP.decode(),
        "o/kustomization.yaml": "resources: [../base]",
    }
    assert len(_build(files, "o")) == 1
    with pytest.raises(Invalid, match=r"security|not in or below"):
        _build({**files, "o/kustomization.yaml": "resources: [../base/a.yaml]"}, "o")


@pytest.mark.parametrize(
    "kustomization",
    [
        "resources: ['https://example.com/a.yaml']",
        "resources: ['github.com/org/repo//base?ref=v1']",
        "resources: ['git@example.com:org/repo']",
        "bases: ['ssh://git@example.com/repo']",
        "components: ['git::https://user:pa55@example.com/repo']",
        "patches: [{path: 'http://127.0.0.1/p.yaml'}]",
        "configMapGenerator: [{name: a, files: ['x=http://169.254.169.254/latest']}]",
        "openapi: {path: 'https://example.com/s.json'}",
        "generators: ['apiVersion: builtin\\nkind: ConfigMapGenerator\\nmetadata: {name: x}\\nfiles: [http://127.0.0.1/x]\\n']".replace(
            "'", '"'
        ),
    ],
)
def test_nothing_is_fetched_from_elsewhere(kustomization: str) -> None:
    with pytest.raises(Invalid) as error:
        _build({"kustomization.yaml": kustomization})
    assert "remote base" in str(error.value)
    assert error.value.where == "kustomization.yaml"
    assert "pa55" not in str(error.value)


def test_a_generator_in_a_file_of_its_own_fetches_nothing() -> None:
    generator = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: x}\nfiles: ['a=http://127.0.0.1:9/x']\n"
    with pytest.raises(Invalid, match=r"g\.yaml: .*remote base"):
        _build({"kustomization.yaml": "generators: [g.yaml]", "g.yaml": generator})


def test_a_remote_base_of_a_base_is_refused_too() -> None:
    with pytest.raises(Invalid, match=r"b/Kustomization: .*remote base"):
        _build({"kustomization.yaml": "resources: [b]", "b/Kustomization": "resources: ['https://example.com/x']"})


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"kustomization.yaml": "resources: [none.yaml]"}, "none.yaml"),
        ({"kustomization.yaml": "a: ["}, "kustomize"),
        ({"kustomization.yaml": "nope: 1"}, "nope"),
        ({"kustomization.yaml": "", "../x": "a"}, "leaves the bundle"),
        ({"kustomization.yaml": "resources: [../base]"}, r"\.\./base"),
        ({"kustomization.yaml": "", "a": "1", "a/b": "2"}, "both a file and a folder"),
        ({"kustomization.yaml": "", "x" * 300: "1"}, "can't be a file"),
    ],
    ids=["missing-resource", "broken", "unknown-field", "escape", "base-above", "file-and-folder", "long-name"],
)
def test_a_broken_kustomization_is_an_error_without_scratch_paths(files: dict[str, str], words: str) -> None:
    with pytest.raises(Invalid, match=words) as error:
        _build(files)
    assert "/tmp" not in str(error.value)


def test_a_build_has_a_time_limit() -> None:
    with pytest.raises(Invalid, match=r"did not end within 0\.001 s"):
        Kubectl(timeout=0.001).build({"kustomization.yaml": b"resources: [a.yaml]", "a.yaml": CONFIG_MAP}, "", "")


def test_the_same_input_is_built_once() -> None:
    kubectl = Kubectl()
    files = {"kustomization.yaml": b"resources: [a.yaml]", "a.yaml": CONFIG_MAP}
    first = kubectl.build(files, "", "")
    kubectl._timeout = 0.001  # a second run would not end in time
    assert kubectl.build(files, "", "") == first
    with pytest.raises(Invalid):
        kubectl.build({**files, "a.yaml": CONFIG_MAP + b"data: {}\n"}, "", "")


def test_nothing_of_this_process_reaches_kubectl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    files = {
        "kustomization.yaml": "configMapGenerator: [{name: a, envs: [e.env]}]\ngeneratorOptions: {disableNameSuffixHash: true}",
        "e.env": "SECRET_TOKEN\n",
    }
    [found] = _build(files)
    assert "s3cret" not in str(found)
