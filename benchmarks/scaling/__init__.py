"""The section ``scaling``: several model processes."""
