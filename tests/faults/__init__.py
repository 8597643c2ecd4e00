"""Nothing lost, nothing twice: numbered messages, injected faults, a plain consumer, a verdict.

``python -m tests.faults --help`` shows how to run it for longer than CI does.
"""
