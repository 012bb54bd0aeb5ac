"""The store of the `fleet` engine: Fleet's objects on a Kubernetes API server, read from a mirror and written as the user.

`kinds.py` says what is mirrored, `watching.py` follows the API server, `tables.py` keeps it in tables of the store's own shape,
and `store.py` is the Store over both. Nothing here deploys anything: Fleet does.
"""
