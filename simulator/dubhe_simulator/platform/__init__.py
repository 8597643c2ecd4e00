"""The local platform: receives the instances' messages, stores them, and answers queries.

Threads and owners: sources put records into one queue; the ingest thread alone applies them to
the `InstanceRegistry` and writes the `Database`. Readers take the registry's lock for a short
time, or read the database by connections of their own.
"""
