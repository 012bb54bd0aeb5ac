"""Bundle x clusters in, a Plan out: matching, customization, `${ }` templates, rollout partitions. Pure."""

from extension.targeting.dependencies import Dependency, unmet
from extension.targeting.deployments import deployments, labels_of
from extension.targeting.explaining import Explanation, explain
from extension.targeting.memory import MemoryUniverse
from extension.targeting.merging import merge
from extension.targeting.planning import plan
from extension.targeting.restrictions import Restrictions, restrictions
from extension.targeting.rollout import behind, limit, partitions, step
from extension.targeting.universe import Group, Inputs, Universe
from extension.targeting.values import Templates
from extension.targeting.variants import deployment_id

__all__ = [
    "Dependency",
    "Explanation",
    "Group",
    "Inputs",
    "MemoryUniverse",
    "Restrictions",
    "Templates",
    "Universe",
    "behind",
    "deployment_id",
    "deployments",
    "explain",
    "labels_of",
    "limit",
    "merge",
    "partitions",
    "plan",
    "restrictions",
    "step",
    "unmet",
]
