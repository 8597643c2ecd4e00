"""How good predictions are, beyond what SQL can count: curves over the threshold, and boxes."""
