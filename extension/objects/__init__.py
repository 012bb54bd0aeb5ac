"""What exists: Fleet's kinds, their names, labels, states and canonical bytes.

This room imports no other room and does no I/O; every other room speaks in its values.
"""
