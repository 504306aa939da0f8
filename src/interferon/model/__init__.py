"""Frozen records and the network's tables: the vocabulary every layer shares. Imports nothing of ours."""
