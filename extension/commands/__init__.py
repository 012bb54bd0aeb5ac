"""The verbs of `rancher-cd`, a file each; `extension/cli.py` loads them on use."""
