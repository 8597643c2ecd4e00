"""From the JSON of inference requests to the JSON of their results, by the algorithm's method.

A result begins with ``+`` and is the method's, or with ``-`` and is ``{"type", "text"}`` of an
exception, or with ``!`` and says why the request is refused. Before the result of a
`SharedBody` stands a frame with its ``request_number``, and ``?`` gives it back to the web front.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from dubhe_sdk.api.batch_context import BatchContext
from dubhe_sdk.api.context import Context
from dubhe_sdk.api.current_task import current
from dubhe_sdk.contract.framing import pack, unpack_all
from dubhe_sdk.environment import Settings
from dubhe_sdk.errors import AppInvalid, RequestInvalid, TaskStopped
from dubhe_sdk.ipc.shared_body import SharedBody
from dubhe_sdk.model.failure import log_failure, text_of
from dubhe_sdk.model.fork_guard import foreign_code
from dubhe_sdk.model.large_request import NotAccepted, read_large
from dubhe_sdk.model.outcome import refuse_unrun
from dubhe_sdk.reporting.encoding import dumps


class InferenceCalls(Protocol):
    """Calls the algorithm's method."""

    def answer(self, body: bytes, take_descriptor: Callable[[], int]) -> bytes:
        """Return the reply's bytes for the request's.

        Args:
            body: the request's, or what stands for a shared body.
            take_descriptor: returns that of the next shared body.

        Raises:
            TaskStopped: a stop was raised in the method.
        """


class SingleCalls:
    """A call for each request: ``method(context)``.

    Args:
        method: the algorithm's bound method.
        settings: the environment.
        log: the SDK's logger.
        stoppable: the block in which a stop may be raised; it is entered for each call.
    """

    def __init__(
        self,
        method: Callable[[Context], Any],
        settings: Settings,
        log: logging.Logger,
        stoppable: contextlib.AbstractContextManager[None],
    ) -> None:
        self._method = method
        self._settings = settings
        self._log = log
        self._stoppable = stoppable

    def answer(self, body: bytes, take_descriptor: Callable[[], int]) -> bytes:
        """Return the result of a request."""
        place, prefix = _open(body, take_descriptor, self._settings, self._log)
        return prefix + (self._call(place) if isinstance(place, Context) else place)

    def _call(self, context: Context) -> bytes:
        token = current.set(context)
        try:
            with self._stoppable, foreign_code(self._log):
                result = self._method(context)
                refuse_unrun(result)
                return _result(result, self._log)
        except TaskStopped:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, the client gets it
            return _failed(error, self._log)
        finally:
            current.reset(token)


class BatchCalls:
    """A call for several requests: ``method(contexts)`` returns as many results.

    The bodies are a frame each, and so are the results. A request that cannot be read is refused by
    itself, and the method gets the others.

    Args:
        method: the algorithm's bound method.
        settings: the environment.
        log: the SDK's logger.
        stoppable: the block in which a stop may be raised; it is entered for each call.
    """

    def __init__(
        self,
        method: Callable[[list[Context]], Any],
        settings: Settings,
        log: logging.Logger,
        stoppable: contextlib.AbstractContextManager[None],
    ) -> None:
        self._method = method
        self._settings = settings
        self._log = log
        self._stoppable = stoppable
        self._none_of_them = BatchContext({}, settings)

    def answer(self, body: bytes, take_descriptor: Callable[[], int]) -> bytes:
        """Return the results of the requests in a batch, in their order."""
        places = [
            _open(one, take_descriptor, self._settings, self._log) for one in unpack_all(body)
        ]
        results = self._call([place for place, _ in places if isinstance(place, Context)])
        return b"".join(
            pack(prefix + (next(results) if isinstance(place, Context) else place))
            for place, prefix in places
        )

    def _call(self, contexts: list[Context]) -> Iterator[bytes]:
        if not contexts:
            return iter(())
        count = len(contexts)  # the list is the method's from now on
        token = current.set(self._none_of_them)
        try:
            with self._stoppable, foreign_code(self._log):
                results = _one_for_each(self._method(contexts), count)
                return iter([self._encode(result) for result in results])
        except TaskStopped:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, the clients get it
            return iter([_failed(error, self._log)] * count)
        finally:
            current.reset(token)

    def _encode(self, result: Any) -> bytes:
        """Return one result. An iterator in it is the algorithm's own code, which may raise."""
        try:
            if isinstance(result, BaseException):
                raise result
            return _result(result, self._log)
        except TaskStopped:
            raise
        except BaseException as error:  # noqa: BLE001 - the failure of this request alone
            return _failed(error, self._log)


def _one_for_each(results: Any, count: int) -> Sequence[Any]:
    """Return the results of a batch as a list.

    Raises:
        AppInvalid: it is not as many results as there were requests.
    """
    refuse_unrun(results)
    if isinstance(results, (str, bytes, dict)) or not isinstance(results, Iterable):
        raise AppInvalid(
            f"the method returned {type(results).__name__}, expected a list with a result for each "
            f"of the {count} requests of the batch, in their order"
        )
    listed = list(results)
    if len(listed) != count:
        raise AppInvalid(
            f"the method returned {len(listed)} results for a batch of {count} requests, expected "
            "one for each, in their order; None or an exception may take a result's place"
        )
    return listed


def _open(
    body: bytes, take_descriptor: Callable[[], int], settings: Settings, log: logging.Logger
) -> tuple[Context | bytes, bytes]:
    """Return a request's context, or its reply if it cannot be run; and what the reply begins with.

    Args:
        body: the request's JSON, or what stands for a shared body.
        take_descriptor: returns that of the next shared body.
        settings: the environment.
        log: the SDK's logger.
    """
    prefix = b""
    try:
        if SharedBody.is_message(body):
            prefix = pack(b"")
            request, number = read_large(SharedBody.received(body, take_descriptor()), settings)
            prefix = pack(number)
        else:
            request = _parse(body)
        return Context(request, settings), prefix
    except NotAccepted:
        return b"?", prefix
    except RequestInvalid as error:
        return _refused(error), prefix
    except (OSError, MemoryError) as error:  # no descriptor, or no memory for so long a request
        return _failed(error, log), prefix
    except (ValueError, RecursionError) as error:
        # What the web front could parse may be nested too deeply here, or hold a number of too
        # many digits. That is the client's fault: no traceback for it in the log.
        return f"!param error: the request cannot be read by the model: {error}".encode(), prefix


# Without what `json.loads` does before: to find out the coding, which the web front has done, takes
# as long as to read a short request.
_decode = json.JSONDecoder().decode


def _parse(body: bytes) -> dict[str, Any]:
    """Return the request in JSON that is known to be an object in UTF-8."""
    request: dict[str, Any] = _decode(str(body, "utf-8", "surrogatepass"))
    return request


def _refused(error: RequestInvalid) -> bytes:
    return f"!{error}".encode()


def _result(result: Any, log: logging.Logger) -> bytes:
    return b"+" + dumps(result, log.warning, raising=True)


def _failed(error: BaseException, log: logging.Logger) -> bytes:
    log_failure(log, "an inference failed", error)
    return b"-" + dumps({"type": type(error).__name__, "text": text_of(error)})
