"""Messages in English and Chinese: a catalog for each language, and their lookup."""

from dubhe_simulator.i18n.lookup import Language, current_language, set_language, translate

__all__ = ["Language", "current_language", "set_language", "translate"]
