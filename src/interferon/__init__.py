"""The immune system of a supply network: sees, detects, contains within set limits, and routes the goods around."""

__version__ = "0.1.0"
