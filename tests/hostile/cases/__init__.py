"""The habits, a table for each kind."""
