"""Places the sidecar delivers to."""
