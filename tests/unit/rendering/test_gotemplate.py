import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects.errors import Invalid
from extension.rendering.gotemplate import GoTemplates, translate
from extension.rendering.helm import NativeHelm

TEMPLATES = GoTemplates(NativeHelm().evaluate)
CONTEXT = {"ClusterLabels": {"env": "dev"}, "ClusterValues": {"n": None, "num": 7, "big": 12345678901, "list": [1, 2]}}


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("a ${ .ClusterLabels.env } b", "a dev b", id="a-field"),
        pytest.param("${ $.ClusterLabels.env }", "dev", id="dollar-is-the-context"),
        pytest.param("{{ .x }} {y} }} {", "{{ .x }} {y} }} {", id="no-action-at-all"),
        pytest.param("{${ .ClusterValues.num }} {{ x }}", "{7} {{ x }}", id="literal-braces-beside-an-action"),
        pytest.param('${ "}" }${ `}` }', "}}", id="braces-in-strings-end-nothing"),
        pytest.param("${/* } */}z", "z", id="a-brace-in-a-comment"),
        pytest.param("a  ${- .ClusterValues.num -}  b", "a7b", id="trim-markers"),
        pytest.param("{  ${- .ClusterValues.num }", "{7", id="trimming-stops-at-a-brace"),
        pytest.param("${ .ClusterValues.n }", "<no value>", id="null-is-no-value"),
        pytest.param('${ index .ClusterLabels "none" }', "<no value>", id="index-of-a-missing-key"),
        pytest.param("${ .ClusterValues.big }", "1.2345678901e+10", id="numbers-are-floats"),
        pytest.param('${ if eq .ClusterLabels.env "dev" }D${ else }P${ end }', "D", id="if"),
        pytest.param('${ define "t" }<${ . }>${ end }${ template "t" 1 }', "<1>", id="a-template-of-its-own"),
        pytest.param("${ range .ClusterValues.list }${ . };${ end }", "1;2;", id="range"),
        pytest.param('${ .ClusterLabels | toJson }${ "[1]" | fromJson | first }', '{"env":"dev"}1', id="json"),
        pytest.param('${ "<no value>" }', "<no value>", id="the-text-no-value-stays"),
        pytest.param("$x $${ .ClusterValues.num }}", "$x $7}", id="dollars-and-a-brace-behind"),
        pytest.param("\r\n\tü${ .ClusterValues.num }\u2028", "\r\n\tü7\u2028", id="other-characters-stay"),
    ],
)
def test_a_text_is_evaluated_as_go_does(text: str, want: str) -> None:
    assert TEMPLATES.evaluate(text, CONTEXT) == want


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            "a\n${ .ClusterLabels.tier }", ["template: v:2:", ".ClusterLabels.tier", 'map has no entry for key "tier"'], id="missing"
        ),
        pytest.param("${ nope }", ["template: v:1", 'function "nope" not defined'], id="unknown-function"),
        pytest.param("\n\n${ .x | toYaml }", ["template: v:3", 'function "toYaml" not defined'], id="helms-own-function"),
        pytest.param('${ env "HOME" }', ['function "env" not defined'], id="environment"),
        pytest.param('${ getHostByName "localhost" }', ['function "getHostByName" not defined'], id="name-resolution"),
        pytest.param('${ include "values/templates/out" . }', ['function "include" not defined'], id="include"),
        pytest.param('${ tpl "x" . }', ['function "tpl" not defined'], id="tpl"),
        pytest.param("${ .x", ["unclosed action"], id="unclosed"),
        pytest.param('${ "a', ["unterminated quoted string"], id="unclosed-string"),
        pytest.param("${ (1 }", ["unclosed left paren"], id="unclosed-parenthesis"),
        pytest.param('${ fail "because" }', ["because"], id="fail"),
        pytest.param("${{ .x }}", ["unexpected"], id="three-braces"),
    ],
)
def test_an_error_names_the_template_and_its_cause(text: str, words: list[str]) -> None:
    with pytest.raises(Invalid) as error:
        TEMPLATES.evaluate(text, CONTEXT, "v")
    assert [word for word in words if word not in str(error.value)] == []
    assert "_text" not in str(error.value)


def test_a_function_name_that_is_a_field_is_no_function() -> None:
    assert TEMPLATES.evaluate("${ .env }${ $.tpl }${ .a.include }", {"env": 1, "tpl": 2, "a": {"include": 3}}) == "123"


@given(st.text())
def test_text_around_an_action_is_kept(text: str) -> None:
    whole = text.replace("${", "")
    assert TEMPLATES.evaluate(whole + "${ .x }", {"x": "|"}) == whole + "|" or whole.endswith("$")


@given(st.text(alphabet="${}x \"'`/*-\n.", max_size=30))
def test_any_text_is_translated_or_refused(text: str) -> None:
    assert isinstance(translate(text), str)
    try:
        assert isinstance(TEMPLATES.evaluate(text, {"x": 1}), str)
    except Invalid as error:
        assert str(error).startswith("template: values")
