"""With what an instance runs: code, interpreter, packages, environment, machine.

It is read beside the instance: from /proc, from files, and by a process of its own that starts the
algorithm's interpreter. The instance's own processes do nothing for it.
"""
