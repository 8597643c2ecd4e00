"""From a report of the algorithm to a frame in the spool: encoding and the reporter."""
