"""Starting an instance by the platform, on each engine, and what many idle ones cost it."""
