"""Requests a second and heartbeats, beside other servers."""
