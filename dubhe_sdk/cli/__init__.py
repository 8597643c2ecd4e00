"""The commands of `dubhe` that belong to this package; each module has a `main(argv)`."""
