"""Agents that only pretend: table rows that register, check in, take their time and report, to size a hub and to break it.

Nothing is deployed and no content is fetched. `agents` is the core, without I/O and with a clock that is handed in; `doors` are the
ways to a hub, over HTTP and in the same process; `running` lets shards of agents live for a time.
"""
