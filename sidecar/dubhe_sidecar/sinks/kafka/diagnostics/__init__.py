"""Why Kafka cannot be reached, in words, and for how long."""
