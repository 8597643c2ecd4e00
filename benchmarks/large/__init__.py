"""The section ``large``: requests of 20 MB."""
