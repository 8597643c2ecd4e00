"""Bounds of the web front: connections and memory."""
