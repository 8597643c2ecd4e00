"""What an algorithm's author uses: context, keys, decorators, metrics, names of model files."""
