"""What the local platform takes with long curves: see ``__main__``."""
