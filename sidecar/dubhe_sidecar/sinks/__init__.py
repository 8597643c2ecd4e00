"""Destinations that the sidecar delivers to."""
