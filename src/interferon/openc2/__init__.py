"""OpenC2: commands and responses of the language and the packet-filter profile, checked and translated. Pure."""
