"""The log of an instance: `dubhe.log`, the console, and the form of their lines."""
