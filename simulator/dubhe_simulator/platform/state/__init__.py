"""What is known of instances, runs and results."""
