"""From said to seen by a consumer."""
