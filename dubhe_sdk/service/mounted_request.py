"""The start request in a file, which the service begins by itself: ``DUBHE_REQUEST``.

A Kubernetes Job, or a person at a terminal, has no platform that sends it. The file holds what the
platform would have sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dubhe_sdk.contract import requests
from dubhe_sdk.contract.kind import TaskKind, kind_of
from dubhe_sdk.contract.requests import KIND_OF_REQUEST, RequestType
from dubhe_sdk.environment import Settings
from dubhe_sdk.errors import EnvironmentInvalid, RequestInvalid
from dubhe_sdk.ipc.identity import manual_instance_id
from dubhe_sdk.service.options import REQUEST_VARIABLE
from dubhe_sdk.service.slot import Job


def read_request(path: Path, settings: Settings, app: Path) -> tuple[Job, Settings]:
    """Return the file's job, and the settings with the instance id that it runs under.

    ``req_type`` may be missing where INSTANCE_ID says what it is, and INSTANCE_ID may be missing in
    manual mode, where the request's own ``instance_id`` counts, or one that fits the app.

    Args:
        path: the file.
        settings: the environment.
        app: the algorithm's file.

    Raises:
        EnvironmentInvalid: the file cannot be read, is no start request, or is not for this
            instance; the text names it.
    """
    try:
        request = requests.parse(path.read_bytes())
        type_ = _type(request, settings.kind)
        requests.check_fields(request, type_)
        kind = KIND_OF_REQUEST[type_]
        if settings.instance_id is None:
            instance_id = _instance_id(request, app, kind)
            settings = replace(settings, instance_id=instance_id, kind=kind)
        elif kind is not settings.kind:
            raise RequestInvalid(
                f"it is for {kind.decorator}, but INSTANCE_ID is {settings.instance_id}"
            )
        elif settings.platform_mode and request.get("instance_id") is not None:
            requests.check_instance(request, settings.instance_id)
    except OSError as error:
        raise EnvironmentInvalid(f"{_named(path)} cannot be read: {error.strerror}") from None
    except RequestInvalid as error:
        raise EnvironmentInvalid(f"{_named(path)}: {error}") from None
    return Job(int(type_), request), settings


def _named(path: Path) -> str:
    return f"the request file {path} ({REQUEST_VARIABLE})"


def _type(request: Mapping[str, Any], kind: TaskKind | None) -> RequestType:
    if request.get("req_type") is not None:
        type_ = requests.type_of(request)
    elif kind is not None:
        type_ = RequestType(kind.request_type)
    else:
        raise RequestInvalid(
            "it has no req_type, and INSTANCE_ID is not set: write 1 (train) or 2 (evaluate)"
        )
    if type_ not in (RequestType.TRAIN, RequestType.PREDICT):
        raise RequestInvalid(
            f"req_type is {int(type_)} ({type_.name.lower()}), expected 1 (train) or 2 (evaluate): "
            "an inference needs a client that takes its reply"
        )
    return type_


def _instance_id(request: Mapping[str, Any], app: Path, kind: TaskKind) -> str:
    given = request.get("instance_id")
    if given is None:
        return manual_instance_id(app, kind)
    try:
        found = kind_of(given.strip()) if isinstance(given, str) else None
    except ValueError as error:
        raise RequestInvalid(f"its instance_id {error}") from None
    if found is not kind:
        raise RequestInvalid(
            f"its instance_id is {given!r}, expected one for {kind.decorator}, like "
            f"{manual_instance_id(app, kind)}"
        )
    return str(given).strip()
