"""Callbacks for training frameworks, one file for each. None is imported before it is used."""
