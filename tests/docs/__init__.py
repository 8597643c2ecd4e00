"""The README and the documentation site: built strictly, links followed, code run."""
