"""Continuous Delivery for Rancher: the engine and everything below HTTP (see CONTRIBUTING.md for the rooms)."""

__version__ = "0.1.0"
