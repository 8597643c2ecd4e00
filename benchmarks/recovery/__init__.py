"""A resume after a crash, behind records of other programs."""
