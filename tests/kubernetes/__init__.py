"""A real Kubernetes cluster of one node for tests, started by ``cluster``."""
