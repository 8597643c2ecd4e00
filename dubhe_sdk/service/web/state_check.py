"""Which requests the service's state allows."""

from __future__ import annotations

from dubhe_sdk.contract.requests import KIND_OF_REQUEST, RequestType
from dubhe_sdk.errors import RequestInvalid
from dubhe_sdk.service.state import Phase, ServiceState

# Bound here, since a member is looked for by a detour in its class: each request asks.
_STOPPING, _FAILED = Phase.STOPPING, Phase.FAILED


def check_state(state: ServiceState, type_: RequestType) -> None:
    """Check that a request fits the instance, and that it can be served now or soon.

    While the class is constructed, requests are accepted: the service parent holds a task, and
    `dubhe_sdk.service.web.inference.pool` lets inferences wait.

    Raises:
        RequestInvalid: it does not, or cannot; the text is the refusal.
    """
    if state.kind is not None and state.kind is not KIND_OF_REQUEST[type_]:
        raise RequestInvalid(
            f"param error: req_type {int(type_)} ({type_.name.lower()}) does not fit this "
            f"instance, which is for {state.kind.decorator}"
        )
    if state.phase is _STOPPING:
        raise RequestInvalid("service is stopping and takes no new requests")
    if state.phase is _FAILED:
        raise RequestInvalid(f"model failed: {state.detail or 'no reason is known'}")
