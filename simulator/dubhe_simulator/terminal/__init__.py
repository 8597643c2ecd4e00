"""The terminal: progress of a run and the report after it."""
