"""The world content comes from: git, Helm repositories, OCI registries, folders, and the credentials for them.

Everything here is asked for by a value (a URL, a commit, a chart) and answers with bytes or a `UserError` that says what,
where (a URL without credentials), why, and the next step. No credential leaves for a host it was not bound to.
"""
