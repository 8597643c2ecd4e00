"""What one metric call costs the loop that makes it."""
