"""Algorithms as containers: building their images and running them, through a Docker engine.

Reading order: `engine` finds the engine, `naming` and `dockerfile` look at an algorithm's folder,
`build` makes its image; `spec` decides with what a container is started, `container` is one,
`logs` shows its output, `sample_request` makes the request that it waits for. The package
``docker`` is imported when an engine is asked for, not before: it is an extra.
"""
