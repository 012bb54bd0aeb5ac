"""The webhook door (`fleet-semantics.md` 5.1): a Git server says that something was pushed, and the engine looks at once.

A delivery is believed about nothing else: which commit is deployed is what the repository answers when the engine asks it.
The way of a delivery: `providers` tells whose it is, `payloads` reads it, `matching` finds the GitRepos of its repository,
`proofs` holds it against each GitRepo's secret, `door` notes the push in their status, and the log keeps what came of it.
"""
