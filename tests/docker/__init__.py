"""A real Docker engine for tests: images that stand in for what no registry can bring here."""
