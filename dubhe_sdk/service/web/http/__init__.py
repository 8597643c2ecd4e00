"""The HTTP protocol: gunicorn's worker and falcon's routes."""
