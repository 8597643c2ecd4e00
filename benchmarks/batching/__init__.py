"""The section ``batching``: a model for which 16 requests at once cost little more than one."""
