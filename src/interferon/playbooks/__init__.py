"""CACAO playbooks: read, checked, compared, signed, and run as a pure state machine. No I/O, no clock."""
