"""Marks in files: which scalars they set, and that nothing else of a file changes (`fleet-semantics.md` 3.10)."""

from __future__ import annotations

import pytest

from extension.engine.image_setters import changed, marked, setters
from extension.objects.base import ObjectMeta
from extension.objects.errors import Invalid
from extension.objects.kinds import ImageScan, ImageScanSpec, ImageScanStatus
from tests.fakes.tree import DictTree

IMAGE = "registry.example.org/team/app"
DIGEST = f"sha256:{'a' * 64}"


def scan(tag: str = "1.2.0", name: str = "app", image: str = IMAGE) -> ImageScan:
    status = ImageScanStatus(latest_image=f"{image}:{tag}", latest_tag=tag, latest_digest=DIGEST, canonical_image_name=image)
    return ImageScan(
        metadata=ObjectMeta(name=f"scan-{name}", namespace="ws"), spec=ImageScanSpec(tag_name=name, image="app"), status=status
    )


def edited(text: str, tag: str = "1.2.0") -> str:
    return marked(text.encode(), setters([scan(tag)])).decode()


@pytest.mark.parametrize(
    ("mark", "value"),
    [("app", f"{IMAGE}:1.2.0"), ("app:tag", "1.2.0"), ("app:name", IMAGE), ("app:digest", f"{IMAGE}:1.2.0@{DIGEST}")],
)
def test_a_mark_sets_the_image_its_tag_its_name_or_its_digest(mark: str, value: str) -> None:
    assert edited(f'image: old # {{"$imagescan": "{mark}"}}\n') == f'image: {value} # {{"$imagescan": "{mark}"}}\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("image: 'old'  #{M}", "image: '1.2.0'  #{M}"),
        ('image: "o\\nld"\t## {M} ', 'image: "1.2.0"\t## {M} '),
        ("image: &anchor old # {M}", "image: &anchor 1.2.0 # {M}"),
        ("image: !!str old # {M}", "image: !!str 1.2.0 # {M}"),
        ("- old # {M}\n-   - other", "- 1.2.0 # {M}\n-   - other"),
        ("- {name: app,\n   tag: old # {M}\n  }", "- {name: app,\n   tag: 1.2.0 # {M}\n  }"),
        ("image: two\n  lines # {M}", "image: 1.2.0 # {M}"),
        ('a: "ä\u2028𝄞"\nimage: old # {M}', 'a: "ä\u2028𝄞"\nimage: 1.2.0 # {M}'),
        ("---\r\nimage: old # {M}\r\n...\r\n---\r\nb:   old # {M}", "---\r\nimage: 1.2.0 # {M}\r\n...\r\n---\r\nb:   1.2.0 # {M}"),
        ("\ufeffimage: old # {M}", "\ufeffimage: 1.2.0 # {M}"),
        ("# {M}\n#\n\n  image: old # {M}\n#end", "# {M}\n#\n\n  image: 1.2.0 # {M}\n#end"),
    ],
)
def test_only_the_marked_scalar_changes_and_every_other_byte_stays(before: str, after: str) -> None:
    mark = '{"$imagescan": "app:tag"}'
    assert edited(before.replace("{M}", mark)) == after.replace("{M}", mark)


@pytest.mark.parametrize(
    "text",
    [
        'image: old # {"$imagescan": "other"}',
        'image: old # {"$imagescan": "app"} and more',
        'image: old # {"$imagescan": "app", "n": 1}',
        'image: old # ["$imagescan"]',
        'image: old # "$imagescan" of nothing',
        '{image: old} # {"$imagescan": "app"}',
        'image: # {"$imagescan": "app"}\n  name: old',
        'image: # {"$imagescan": "app"}\n',
        'image: *old # {"$imagescan": "app"}',
        'image: | # {"$imagescan": "app"}\n  old',
        '? old # {"$imagescan": "app"}\n: value',
        '# {"$imagescan": "app"}\nimage: old',
        'image: {{ .Values.image }} # {"$imagescan": "app"}',
        'image: old # {"$imagescan": "app"}\nbroken: [',
    ],
)
def test_what_is_no_mark_of_a_scalar_or_no_yaml_changes_nothing(text: str) -> None:
    whole = f"old: &old x\n{text}" if "*old" in text else text
    assert edited(whole) == whole


def test_a_file_that_is_not_text_is_left_alone() -> None:
    data = b'\xff: old # {"$imagescan": "app"}'
    assert marked(data, setters([scan()])) == data


@pytest.mark.parametrize(("tag", "written"), [("1.20", '"1.20"'), ("7", '"7"'), ("true", '"true"'), ("1e3", '"1e3"'), ("1.2.3", "1.2.3")])
def test_a_tag_that_would_be_a_number_is_quoted(tag: str, written: str) -> None:
    assert edited('tag: old # {"$imagescan": "app:tag"}', tag) == f'tag: {written} # {{"$imagescan": "app:tag"}}'


def test_a_value_that_is_there_already_is_not_written_another_way() -> None:
    text = 'tag: 1.20 # {"$imagescan": "app:tag"}'
    assert edited(text, "1.20") == text


def test_a_scan_that_found_nothing_sets_nothing() -> None:
    assert setters([ImageScan(spec=ImageScanSpec(tag_name="app"))]) == {}


def test_two_scans_of_one_name_that_found_different_images_are_refused() -> None:
    assert setters([scan(), scan()])["app:tag"] == "1.2.0"
    with pytest.raises(Invalid, match=r"image scans of the tagName app found .*app:1.2.0 and .*other:1.2.0"):
        setters([scan(), scan(image="registry.example.org/other")])


MARKED = 'image: old # {"$imagescan": "app:tag"}\n'
SET = MARKED.replace("old", "1.2.0").encode()


def test_yaml_files_below_the_paths_change_and_no_others() -> None:
    files = dict.fromkeys(("a/x.yaml", "a/deep/y.yml", "a/z.txt", "b1/x.yaml", "c/x.yaml"), MARKED)
    tree = DictTree(files, links={"a/link.yaml": "../c/x.yaml"})
    assert changed(tree, ("/a", "b*"), setters([scan()])) == {"a/x.yaml": SET, "a/deep/y.yml": SET, "b1/x.yaml": SET}
    assert set(changed(tree, (), setters([scan()]))) == {"a/x.yaml", "a/deep/y.yml", "b1/x.yaml", "c/x.yaml"}


def test_a_path_out_of_the_repository_is_refused() -> None:
    with pytest.raises(Invalid, match="leaves the repository"):
        changed(DictTree({"a.yaml": MARKED}), ("../other",), setters([scan()]))
