"""Instances in pods of a Kubernetes cluster (``--on kubernetes``).

Reading order: `cluster` finds the API server and puts its refusals into words, `volumes` says how a
folder of the platform reaches a pod, `spec` decides with what a pod is made, `watcher` follows all
pods of a platform on one connection, `status` reads what became of a pod, `instance` is one,
`backend` is the platform's side. The package ``kubernetes`` is imported when a cluster is asked
for, not before: it is an extra.
"""
