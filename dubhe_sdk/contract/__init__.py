"""The platform's contract: kinds of task, requests, messages, results, frames, OpenAPI."""
