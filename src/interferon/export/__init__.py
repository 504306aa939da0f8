"""Findings and incidents in the formats of other people's tools. Pure; called by `runtime.outlets` and `interferon export`."""
