"""Processes: ending with their parent, finding their children, telling how they died."""
