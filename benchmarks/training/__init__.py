"""What a real training loop loses by reporting every batch."""
