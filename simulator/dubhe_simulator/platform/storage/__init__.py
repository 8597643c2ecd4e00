"""The database: schema, writing in batches, queries, export."""
