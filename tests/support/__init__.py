"""What several tests need: waiting, ports, processes, the service as it really runs."""
