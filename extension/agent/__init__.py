"""The agent of one cluster, as a program of its own (`docs/agents.md`): it asks the hub over HTTPS and is asked nothing.

The work is `engine.loop.Loop`'s, as in the service; this room says where orders come from and reports go to. It keeps working while the
hub is away, tells later what happened meanwhile, and takes orders from nobody but the hub that it registered with.
"""
