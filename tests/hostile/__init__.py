"""Algorithms and launchers with bad habits: what the platform saw, compared with what happened."""
