"""Manifests to a cluster and back: the whole work of Fleet's agent for one cluster, behind `protocol.Delivery`."""
