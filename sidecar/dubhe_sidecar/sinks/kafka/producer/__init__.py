"""Sending: a producer session, its batches and the records on their way."""
