"""The service around an algorithm: parent, web front and what they share."""
