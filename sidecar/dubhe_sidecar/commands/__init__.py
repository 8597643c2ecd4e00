"""The commands that the sidecar adds to `dubhe`."""
