"""Instances that the platform itself starts and stops."""
