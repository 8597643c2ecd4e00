"""The version of all four distributions, and of everything that shows one: only here."""

__version__ = "3.0.0"
