"""The privileged process: carries effects out in the real world, within limits of its own that nobody else can lift.

Runs as its own user behind a Unix socket. Imports nothing of the runtime, the web or the store: what it trusts is its own file.
"""
