"""The local platform over HTTP: one file per resource, and the page's files."""
