"""A small network of one's own: hosts that are network namespaces, and a wire that misbehaves."""
