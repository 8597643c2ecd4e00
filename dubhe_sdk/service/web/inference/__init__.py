"""Inferences: from the web front to a model process and back."""
