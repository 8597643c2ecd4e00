"""Algorithms as containers: building their images and running them, through a Docker engine.

Reading order: `engine` finds the engine, `naming` and `dockerfile` look at an algorithm's folder,
`build` makes its image, `image` looks into one; `spec` decides with what a container is started,
`instance` is one. `session` is one run in a terminal (``dubhe run``).
`backend` is the platform's side (``--on
docker``); `surroundings` finds out whether the platform is in a container itself. The package
``docker`` is imported when an engine is asked for, not before: it is an extra.
"""
