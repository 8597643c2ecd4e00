"""The local platform of ``docker-compose.yml``, run with a real engine."""
