"""Finding the reason of an outage, and reporting it."""
