"""Options and content in, manifests out (`fleet-semantics.md` 2.6, 2.9, 4.2).

`pool.Pool` is the way in: `render` for a deployment, `evaluate` for `${ }` templates, `call` for releases. The Helm SDK is imported by
`helm.py` alone, and only when a chart needs it; kubectl is started by `kustomize.py` alone.
"""
