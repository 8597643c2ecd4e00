"""What is built and installed: the four distributions, in real environments."""
