"""Policies for HelmOps, and for Bundles that name a chart, rule by rule (`fleet-semantics.md` 3.2)."""

import pytest

from extension.objects.codec import decode
from extension.objects.errors import Forbidden, Invalid
from extension.objects.kinds import Bundle, GitRepoRestriction, HelmOp, Policy
from extension.targeting.admission import Rules, admitted_helmop, check_bundle

CHART = {"repo": "https://charts.example.com/team", "chart": "web"}


def policy(name="p", **fields):
    return decode(Policy, {"metadata": {"name": name}, **fields})


def op(helm=CHART, **spec):
    return decode(HelmOp, {"metadata": {"name": "a"}, "spec": {"helm": helm, **spec}})


def test_without_rules_everything_is_admitted_unchanged():
    given = op(serviceAccount="x", helmSecretName="y")
    assert admitted_helmop(given, Rules()) == given


def test_defaults_are_the_first_by_name_and_an_own_choice_stands():
    rules = Rules.of([], [policy("b", helmOp={"defaultServiceAccount": "b"}), policy("a", helmOp={"defaultHelmSecretName": "a"})])
    found = admitted_helmop(op(), rules).spec
    assert (found.service_account, found.helm_secret_name) == ("b", "a")
    assert admitted_helmop(op(helmSecretName="own"), rules).spec.helm_secret_name == "own"


def test_restrictions_of_gitrepos_do_not_count():
    limits = {
        "defaultServiceAccount": "x",
        "allowedServiceAccounts": ["x"],
        "allowedRepoPatterns": ["none"],
        "allowedTargetNamespaces": ["n"],
    }
    restriction = decode(GitRepoRestriction, {"metadata": {"name": "r"}, **limits})
    given = op(serviceAccount="y")
    assert admitted_helmop(given, Rules.of([restriction], [])) == given


REFUSED = [
    ("required service account", {"requireServiceAccount": True}, {}, "spec.serviceAccount"),
    ("service account not in the list", {"allowedServiceAccounts": ["a"]}, {"serviceAccount": "b"}, "spec.serviceAccount"),
    ("secret not in the list", {"helmOp": {"allowedHelmSecretNames": ["a"]}}, {"helmSecretName": "b"}, "spec.helmSecretName"),
    ("repository by no pattern", {"helmOp": {"allowedHelmRepoPatterns": ["https://corp/.*"]}}, {}, "spec.helm.repo"),
    ("patterns are anchored", {"helmOp": {"allowedHelmRepoPatterns": ["https://charts.example.com"]}}, {}, "spec.helm.repo"),
    ("chart by no pattern", {"helmOp": {"allowedChartPatterns": ["w", "db-.*"]}}, {}, "spec.helm.chart"),
    (
        "an archive of a repository that is not allowed",
        {"helmOp": {"allowedHelmRepoPatterns": ["https://charts.example.com/.*"]}},
        {"helm": {"chart": "https://elsewhere.example.com/web.tgz"}},
        "spec.helm.repo",
    ),
    (
        "a registry's chart by no pattern",
        {"helmOp": {"allowedChartPatterns": ["web"]}},
        {"helm": {"repo": "oci://registry.example.com/team/other"}},
        "spec.helm.chart",
    ),
    (
        "a target's own repository",
        {"helmOp": {"allowedHelmRepoPatterns": ["https://charts.example.com/.*"]}},
        {"targets": [{"name": "x"}, {"name": "y", "helm": {"repo": "https://elsewhere.example.com"}}]},
        "spec.targets[1].helm.repo",
    ),
    (
        "a default that is not allowed",
        {"helmOp": {"defaultHelmSecretName": "x", "allowedHelmSecretNames": ["a"]}},
        {},
        "spec.helmSecretName",
    ),
]


@pytest.mark.parametrize(("rule", "spec", "field"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_what_is_not_allowed_is_refused_by_field(rule, spec, field):
    with pytest.raises(Forbidden) as caught:
        admitted_helmop(op(**spec), Rules.of([], [policy(**rule)]))
    assert caught.value.field == field and caught.value.hint


ADMITTED = [
    ("repository by a pattern", {"helmOp": {"allowedHelmRepoPatterns": ["https://charts\\.example\\.com/.*"]}}, {}),
    ("repository verbatim", {"helmOp": {"allowedHelmRepoPatterns": ["https://charts.example.com/team"]}}, {}),
    ("chart by a pattern", {"helmOp": {"allowedChartPatterns": ["w.*"]}}, {}),
    (
        "a registry's chart by its last part",
        {"helmOp": {"allowedChartPatterns": ["web"]}},
        {"helm": {"repo": "oci://registry.example.com/team/web"}},
    ),
    ("no secret, although only some are allowed", {"helmOp": {"allowedHelmSecretNames": ["a"]}}, {}),
    (
        "a default fills what is required",
        {"requireServiceAccount": True, "helmOp": {"defaultServiceAccount": "a"}},
        {},
    ),
    ("rules for repositories in Git", {"gitRepo": {"allowedRepoPatterns": ["none"], "allowedClientSecretNames": ["none"]}}, {}),
]


@pytest.mark.parametrize(("rule", "spec"), [c[1:] for c in ADMITTED], ids=[c[0] for c in ADMITTED])
def test_what_is_allowed_is_admitted(rule, spec):
    admitted_helmop(op(**spec), Rules.of([], [policy(**rule)]))


def test_of_two_policies_lists_are_united():
    rules = Rules.of([], [policy("a", helmOp={"allowedChartPatterns": ["db"]}), policy("b", helmOp={"allowedChartPatterns": ["web"]})])
    admitted_helmop(op(), rules)


def test_a_broken_pattern_is_an_error_that_names_it():
    with pytest.raises(Invalid, match=r"'\(' is no pattern"):
        admitted_helmop(op(), Rules.of([], [policy(helmOp={"allowedChartPatterns": ["("]})]))


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"allowedHelmSecretNames": ["a"]}, "spec.helmOpOptions.helmOpSecretName"),
        ({"allowedHelmRepoPatterns": ["https://corp/.*"]}, "spec.helm.repo"),
        ({"allowedChartPatterns": ["db"]}, "spec.helm.chart"),
    ],
)
def test_a_bundle_that_names_a_chart_may_have_no_other_than_a_helmop(rule, field):
    rules = Rules.of([], [policy(helmOp=rule)])
    with pytest.raises(Forbidden) as caught:
        check_bundle(decode(Bundle, {"spec": {"helm": CHART, "helmOpOptions": {"helmOpSecretName": "b"}}}), rules)
    assert caught.value.field == field
    check_bundle(decode(Bundle, {"spec": {"helm": CHART}}), rules)
