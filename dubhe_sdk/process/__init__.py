"""Processes: how they are started, end with their parent, find their children and die."""
