"""Curves of metrics: storing points and reducing them for the screen."""
