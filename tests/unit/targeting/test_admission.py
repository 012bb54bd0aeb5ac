"""GitRepoRestrictions and Policies, rule by rule (`fleet-semantics.md` 3.2)."""

import pytest

from extension.objects.codec import decode
from extension.objects.errors import Forbidden, Invalid
from extension.objects.kinds import Bundle, GitRepo, GitRepoRestriction, Policy
from extension.targeting.admission import Rules, admitted, check_bundle

NONE = Rules()


def restriction(name="r", **fields):
    return decode(GitRepoRestriction, {"metadata": {"name": name}, **fields})


def policy(name="p", **fields):
    return decode(Policy, {"metadata": {"name": name}, **fields})


def repo(**spec):
    return decode(GitRepo, {"metadata": {"name": "a"}, "spec": {"repo": "https://git.example.com/team/app", **spec}})


def test_without_rules_everything_is_admitted_unchanged():
    given = repo(targetNamespace="x", serviceAccount="y")
    assert admitted(given, NONE) == given


@pytest.mark.parametrize(
    ("rules", "spec", "account", "secret"),
    [
        (Rules.of([restriction(defaultServiceAccount="r")], [policy(gitRepo={"defaultServiceAccount": "p"})]), {}, "r", ""),
        (Rules.of([], [policy(gitRepo={"defaultServiceAccount": "p", "defaultClientSecretName": "s"})]), {}, "p", "s"),
        (Rules.of([restriction("b", defaultServiceAccount="b"), restriction("a", defaultServiceAccount="a")], []), {}, "a", ""),
        (Rules.of([restriction("a"), restriction("b", defaultClientSecretName="b")], []), {}, "", "b"),
        (Rules.of([restriction(defaultServiceAccount="r")], []), {"serviceAccount": "own"}, "own", ""),
    ],
)
def test_defaults_are_the_first_by_name_and_a_restriction_comes_before_a_policy(rules, spec, account, secret):
    found = admitted(repo(**spec), rules).spec
    assert (found.service_account, found.client_secret_name) == (account, secret)


REFUSED = [
    ("namespace not in the list", [restriction(allowedTargetNamespaces=["a", "b"])], [], {"targetNamespace": "c"}, "spec.targetNamespace"),
    ("empty namespace with a list", [restriction(allowedTargetNamespaces=["a"])], [], {}, "spec.targetNamespace"),
    ("empty namespace with a selector", [restriction(allowedTargetNamespaceSelector={})], [], {}, "spec.targetNamespace"),
    ("service account not in a list", [restriction(allowedServiceAccounts=["a"])], [], {"serviceAccount": "b"}, "spec.serviceAccount"),
    ("service account of no policy", [], [policy(allowedServiceAccounts=["a"])], {"serviceAccount": "b"}, "spec.serviceAccount"),
    ("required service account", [], [policy(requireServiceAccount=True)], {}, "spec.serviceAccount"),
    ("secret not in the list", [restriction(allowedClientSecretNames=["a"])], [], {"clientSecretName": "b"}, "spec.clientSecretName"),
    ("repo by no pattern", [restriction(allowedRepoPatterns=["^https://github.com/"])], [], {}, "spec.repo"),
    ("policy patterns are anchored", [], [policy(gitRepo={"allowedRepoPatterns": ["https://git.example.com/team"]})], {}, "spec.repo"),
    (
        "a default that is not allowed",
        [restriction(defaultServiceAccount="x", allowedServiceAccounts=["a"])],
        [],
        {},
        "spec.serviceAccount",
    ),
]


@pytest.mark.parametrize(("limits", "policies", "spec", "field"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_what_is_not_allowed_is_refused_by_field(limits, policies, spec, field):
    with pytest.raises(Forbidden) as caught:
        admitted(repo(**spec), Rules.of(limits, policies))
    assert caught.value.field == field and caught.value.hint


ADMITTED = [
    ("namespace in one of two lists", [restriction("a", allowedTargetNamespaces=["a"]), restriction("b", allowedTargetNamespaces=["b"])],
     [], {"targetNamespace": "b"}),
    ("repo verbatim, although it is no matching pattern", [restriction(allowedRepoPatterns=["https://git.example.com/team/app"])], [], {}),
    ("restriction patterns are not anchored", [restriction(allowedRepoPatterns=["example"])], [], {}),
    ("a policy's list is enough", [restriction(allowedRepoPatterns=["^ssh:"])],
     [policy(gitRepo={"allowedRepoPatterns": ["https:.*"]})], {}),
    ("a restriction's list is enough", [restriction(allowedServiceAccounts=["a"])], [policy(allowedServiceAccounts=["b"])],
     {"serviceAccount": "a"}),
    ("no secret, although only some are allowed", [restriction(allowedClientSecretNames=["a"])], [], {}),
    ("a default fills what a policy requires", [restriction(defaultServiceAccount="a")], [policy(requireServiceAccount=True)], {}),
]  # fmt: skip


@pytest.mark.parametrize(("limits", "policies", "spec"), [c[1:] for c in ADMITTED], ids=[c[0] for c in ADMITTED])
def test_what_is_allowed_is_admitted(limits, policies, spec):
    admitted(repo(**spec), Rules.of(limits, policies))


def test_a_broken_pattern_is_an_error_that_names_it():
    with pytest.raises(Invalid, match=r"'\(' is no pattern"):
        admitted(repo(), Rules.of([restriction(allowedRepoPatterns=["("])], []))


def test_a_bundle_is_checked_without_defaults_and_with_all_its_targets():
    rules = Rules.of([restriction(defaultServiceAccount="a", allowedServiceAccounts=["a"])], [policy(requireServiceAccount=True)])
    with pytest.raises(Forbidden, match="requires a service account"):
        check_bundle(decode(Bundle, {"spec": {}}), rules)
    with pytest.raises(Forbidden) as caught:
        check_bundle(decode(Bundle, {"spec": {"serviceAccount": "a", "targets": [{"name": "x"}, {"serviceAccount": "b"}]}}), rules)
    assert caught.value.field == "spec.targets[1].serviceAccount"
    check_bundle(decode(Bundle, {"spec": {"serviceAccount": "a", "targets": [{"name": "x"}]}}), rules)
