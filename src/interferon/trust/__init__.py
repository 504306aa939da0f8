"""Who may do what: Cedar policies, their signature, and the limits that no policy can lift. Pure: no clock, no network, no user files."""
