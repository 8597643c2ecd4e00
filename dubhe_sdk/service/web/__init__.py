"""The web front: HTTP and TCP over one handler that knows no protocol."""
