"""Dissection of network captures: from the bytes of a capture to messages of protocols and flows. Pure; called by `connectors.capture`."""
