"""From records of the sources to the state of the platform."""
