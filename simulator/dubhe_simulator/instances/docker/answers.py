"""What becomes of a request to the engine: silence and refusals as `EngineProblem`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from dubhe_simulator.instances.base import Condition
from dubhe_simulator.instances.docker.engine import error_number
from dubhe_simulator.instances.engine_problem import EngineProblem, EngineSilent


@contextlib.contextmanager
def answers() -> Iterator[None]:
    """Turn refusals and silence of the engine into `EngineProblem`.

    Raises:
        EngineSilent: it does not answer.
        EngineProblem: it refuses. An `APIError` is its cause.
        NotFound: there is no such container; left as it is.
    """
    from docker.errors import APIError, NotFound
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except NotFound:
        raise
    except APIError as error:
        detail = str(error.explanation or error)
        raise EngineProblem(Condition("engine_refused", {"detail": detail})) from error
    except (RequestException, HTTPError) as error:
        raise EngineSilent(Condition("engine_silent", {"detail": _reason(error)})) from error


def _reason(error: Exception) -> str:
    from requests.exceptions import Timeout

    if isinstance(error, Timeout):
        return "timeout"
    number = error_number(error)
    return os.strerror(number) if number else str(error)
