"""The logs of an instance: the SDK's, and all that the algorithm wrote to its console."""
