"""The web front: HTTP and TCP over one handler that is independent of the protocol."""
