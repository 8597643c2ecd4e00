"""A backlog after an outage, to one real broker."""
