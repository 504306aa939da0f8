"""Discovery: from events to proposed rows of the network's tables, each with its evidence. Pure; called by `runtime.discovery`."""
