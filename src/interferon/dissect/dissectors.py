"""The dissectors that ship, by the ports on which each is tried first. Called by `dissect.conversations`.

A list, not a search: the order in which they are asked about a conversation on an unknown port is part of what is tested.
"""
