"""Rancher: who is calling, what they may do, and the doors by which they come (`rancher-integration.md` 2.9, 3)."""
