"""A real Apache Kafka broker for tests, and a consumer that shares no code with the sidecar."""
