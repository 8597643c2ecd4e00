"""The measuring itself, and that the hot paths do not become slower."""
