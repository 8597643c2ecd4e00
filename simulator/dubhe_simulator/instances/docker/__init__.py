"""Algorithms as containers: building their images and running them, through a Docker engine.

Reading order: `engine` finds the engine, `naming` and `dockerfile` look at an algorithm's folder,
`build` makes its image; `plan` decides with what a container is started, `running` is one,
`follow` shows what it says, `sample` makes the request that it waits for. The package ``docker``
is imported when an engine is asked for, not before: it is an extra.
"""
