"""schemathesis against running services: what the document calls valid is accepted, and only that.

Replies that the document does not describe fail too, and so does a reply of status 500.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import jsonschema_rs
import pytest
import requests as http
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dubhe_sdk.contract.openapi import document
from dubhe_sdk.contract.requests import KIND_OF_REQUEST, ROUTES, RequestType
from tests.dubhe_sdk.service.harness import INFERENCE_ID, PREDICT_ID, TRAIN_ID, App

DOCUMENT = document("0")
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = [result.ok() for result in SCHEMA.get_all_operations()]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SOURCE = """
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        pass

    @dubhe_sdk.predict()
    def predict(self, ctx):
        pass

    @dubhe_sdk.inference()
    def infer(self, ctx):
        return ctx.get("image_names")
"""
IDS = {
    RequestType.HEARTBEAT: INFERENCE_ID,
    RequestType.INFERENCE: INFERENCE_ID,
    RequestType.TRAIN: TRAIN_ID,
    RequestType.PREDICT: PREDICT_ID,
}


class Services:
    """One service for each kind of task, and what they have been asked so far."""

    def __init__(self, apps: dict[str, App]) -> None:
        self.session = http.Session()
        self.pids = {instance: app.pid_of("web") for instance, app in apps.items()}
        self.apps = apps
        self.outcomes: Counter[str] = Counter()


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("services")
    apps: dict[str, App] = {}
    try:
        for number, instance in enumerate(sorted(set(IDS.values()))):
            app = App(folder / str(number), SOURCE, instance, "http")
            apps[instance] = app.__enter__()
            app.start()
        yield Services(apps)
    finally:
        for app in apps.values():
            app.__exit__(None, None, None)


# `SCHEMA.parametrize()` gives all its tests one name, and pytest-xdist runs one test of a name.
@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        pytest.param(operation, mode, id=f"{operation.label}-{mode.value}")
        for operation in OPERATIONS
        for mode in GenerationMode
        # What has no body has nothing that could be wrong.
        if operation.body or mode is GenerationMode.POSITIVE
    ],
)
def test_the_service_keeps_to_the_document(
    operation: APIOperation, mode: GenerationMode, services: Services
) -> None:
    @settings(max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(mode))
    def check(case: schemathesis.Case) -> None:
        ask(case, services)

    check()


def ask(case: schemathesis.Case, services: Services) -> None:
    """Send one request; check that the reply is what the document says of it."""
    type_ = ROUTES[case.path]
    app = services.apps[IDS[type_]]
    response = case.call(base_url=f"http://127.0.0.1:{app.port}", session=services.session)
    case.validate_response(response, checks=CHECKS)
    if case.method not in ("GET", "POST"):
        services.outcomes["method"] += 1
        assert response.status_code == 405
        return
    if response.status_code == 400:  # a header of another kind than HTTP's
        services.outcomes["header"] += 1
        return
    assert response.status_code == 200
    reply = response.json()
    if "another task" in reply["message"]:
        services.outcomes["busy"] += 1
        return
    services.outcomes["accepted" if reply["flag"] == 1 else "refused"] += 1
    sent = response.request.body or b""
    assert reply["flag"] == (1 if is_valid(type_, sent) else 2), (sent, reply)


def is_valid(type_: RequestType, body: bytes) -> bool:
    """Return whether a body is a request of a type, by the document alone."""
    if type_ is RequestType.HEARTBEAT and not body.strip():
        return True
    try:
        request = json.loads(body)
        request = json.loads(request) if isinstance(request, str) else request
    except ValueError:
        return False
    schema = DOCUMENT["components"]["schemas"][f"{type_.name.capitalize()}Request"]
    if isinstance(request, dict):
        request.pop("instance_id", None)  # an instance that no platform has started has no say
    return jsonschema_rs.validator_for(schema).is_valid(request)


def test_nothing_died_and_both_answers_occurred(services: Services) -> None:
    assert services.outcomes["accepted"] > 20, services.outcomes
    assert services.outcomes["refused"] > 20, services.outcomes
    for instance, app in services.apps.items():
        assert app.pid_of("web") == services.pids[instance]
        assert "Traceback" not in app.console, app.console
    assert set(KIND_OF_REQUEST) == set(IDS) - {RequestType.HEARTBEAT}
