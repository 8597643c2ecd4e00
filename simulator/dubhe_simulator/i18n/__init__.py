"""Messages in English and Chinese: one module per command, one lookup for all of them."""

from dubhe_simulator.i18n.lookup import Language, set_language, translate

__all__ = ["Language", "set_language", "translate"]
