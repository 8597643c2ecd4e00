"""In which language a request is answered."""

from __future__ import annotations

import falcon

from dubhe_simulator.i18n import Language, set_language

_LANGUAGES: dict[str, Language] = {"en": "en", "zh": "zh"}


class SetLanguage:
    """Middleware: the query parameter ``language``, else ``Accept-Language``, else the locale's.

    The parameter is for event streams, which cannot set headers.
    """

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Have this thread answer in the language that is preferred most."""
        wanted = req.get_param("language") or req.get_header("Accept-Language") or ""
        tags = sorted(map(_quality, wanted.split(",")), key=lambda pair: -pair[1])
        set_language(next((_LANGUAGES[tag] for tag, _ in tags if tag in _LANGUAGES), None))


def _quality(item: str) -> tuple[str, float]:
    """Return the language and the weight of ``zh-CN;q=0.8``."""
    tag, _, weight = item.strip().lower().partition(";q=")
    try:
        quality = float(weight) if weight else 1.0
    except ValueError:
        quality = 0.0
    return tag.partition("-")[0], quality
