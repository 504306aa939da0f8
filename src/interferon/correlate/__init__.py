"""Findings become incidents, over the network's graph and time. The pipeline's judge calls `incidents`, `declared` and `fdr`."""
