"""The version of all four distributions, and of everything that shows one. It is written here alone."""

__version__ = "3.0.0"
