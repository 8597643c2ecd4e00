"""Runs leave the platform: as a page to read, as a zip to keep, and for other tools."""
