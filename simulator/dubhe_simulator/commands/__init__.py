"""Commands that the simulator adds to ``dubhe``."""
