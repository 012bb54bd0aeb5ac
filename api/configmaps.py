"""ConfigMaps: values that are no secret."""

from __future__ import annotations

from api.nouns import Noun
from api.resources import blueprint
from api.secrets import immutable, keys
from extension.objects.kinds import ConfigMap

NOUN = Noun(ConfigMap, "Values for Helm charts that are no secret.", checks=(keys, immutable))
blueprints = (blueprint(NOUN),)
