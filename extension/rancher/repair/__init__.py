"""A Rancher server after a restore: what of Fleet is broken, and how it is made whole again (`rancher-integration.md` 6, 4.4)."""
