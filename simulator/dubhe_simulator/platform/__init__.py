"""The local platform: takes in what instances say, keeps it, and answers questions about it.

Threads and owners: sources put records into one queue; the ingest thread alone applies them to
the `Book` and writes the `Store`. Readers take the book's lock for a short time, or read the
store by connections of their own.
"""
