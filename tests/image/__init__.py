"""The base image, built and run by a real engine in the situations of docs/en/image.md."""
