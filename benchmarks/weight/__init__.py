"""Import, start, resident memory, growth with the spool, size in an image."""
