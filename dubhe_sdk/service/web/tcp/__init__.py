"""The TCP protocol: frames over a gevent server."""
