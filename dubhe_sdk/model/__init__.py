"""The model process: the algorithm's own interpreter, standard library and algorithm alone."""
