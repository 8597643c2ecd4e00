"""Resuming after a restart: connecting, and finding what is in the topics already."""
