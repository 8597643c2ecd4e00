"""The container parent: starts sidecar and algorithm, and waits for the drain."""
