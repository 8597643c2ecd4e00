"""Finding the cluster, as `kubectl` finds it, and its refusals in words."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubhe_simulator.errors import EngineError
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.base import Condition
from dubhe_simulator.instances.engine_problem import EngineProblem, EngineSilent

ANSWER_TIMEOUT_S = (10.0, 30.0)  # to connect, and between two parts of an answer
CONTROL_TIMEOUT_S = (10.0, 10.0)  # for what it does at once
WATCH_S = 240  # the API server ends a watch then
WATCH_SILENCE_S = 270.0  # without a byte for so long it has broken
OUTPUT_SILENCE_S = 86400.0
EXPIRED = 410
SERVER_ERROR = 500
CONNECTIONS = 200
IN_CLUSTER_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True)
class Cluster:
    """A namespace of a cluster.

    Attributes:
        api: a ``CoreV1Api``. Pods are handed on as the JSON that they are in the API.
        namespace: where pods are made.
        name: the context's; empty within a cluster.
    """

    api: Any
    namespace: str
    name: str

    def pods(self, selector: str) -> tuple[list[dict[str, Any]], str]:
        """Return the pods with these labels, and the version of the list.

        Raises:
            EngineProblem: the API server refuses, or does not answer.
        """
        with self.answers():
            found = self._json(
                self.api.list_namespaced_pod(
                    self.namespace, label_selector=selector, _request_timeout=ANSWER_TIMEOUT_S
                )
            )
        return found["items"], found["metadata"]["resourceVersion"]

    def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Make a pod; return it as the API server has it.

        Raises:
            EngineProblem: the API server refuses, or does not answer.
        """
        with self.answers():
            return self._json(
                self.api.create_namespaced_pod(
                    self.namespace, manifest, _request_timeout=ANSWER_TIMEOUT_S
                )
            )

    def delete(self, name: str, grace: float | None = None) -> None:
        """Ask for a pod's end; one that is gone already is no error.

        Args:
            name: the pod's.
            grace: seconds between SIGTERM and SIGKILL; None for what the pod says; 0 for none.

        Raises:
            EngineProblem: the API server refuses, or does not answer.
        """
        from kubernetes.client.exceptions import ApiException

        options = {} if grace is None else {"grace_period_seconds": int(grace)}
        with self.answers():
            try:
                self.api.delete_namespaced_pod(
                    name,
                    self.namespace,
                    _request_timeout=CONTROL_TIMEOUT_S,
                    **options,
                )
            except ApiException as error:
                if error.status != 404:
                    raise

    def changes(self, selector: str, version: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what happens to pods: ``ADDED``, ``MODIFIED`` or ``DELETED``, and the pod.

        Ends when the API server ends it, after minutes; or when the version is too old by then.

        Args:
            selector: the pods' labels.
            version: of the list after which it begins.

        Raises:
            EngineProblem: the API server refuses, or does not answer.
        """
        from kubernetes.client.exceptions import ApiException
        from kubernetes.watch import Watch

        with self.answers():
            try:
                for event in Watch().stream(
                    self.api.list_namespaced_pod,
                    self.namespace,
                    label_selector=selector,
                    resource_version=version,
                    timeout_seconds=WATCH_S,
                    _request_timeout=(ANSWER_TIMEOUT_S[0], WATCH_SILENCE_S),
                ):
                    if event is not None:  # a line that is no JSON
                        yield event["type"], event["raw_object"]
            except ApiException as error:
                if error.status != EXPIRED:
                    raise

    def output(self, name: str, container: str) -> Iterator[str]:
        """Yield the lines of a container's output, dated, as far as the node has them, to its end.

        Raises:
            EngineProblem: the API server refuses, or does not answer.
        """
        from kubernetes.watch import Watch

        with self.answers():
            yield from Watch().stream(
                self.api.read_namespaced_pod_log,
                name,
                self.namespace,
                container=container,
                timestamps=True,
                _request_timeout=(ANSWER_TIMEOUT_S[0], OUTPUT_SILENCE_S),
            )

    def _json(self, found: Any) -> dict[str, Any]:
        """Return an object of the client as it is in the API."""
        plain: dict[str, Any] = self.api.api_client.sanitize_for_serialization(found)
        return plain

    @contextlib.contextmanager
    def answers(self) -> Iterator[None]:
        """Turn refusals of the API server into `EngineProblem`, its silence into `EngineSilent`."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            yield
        except ApiException as error:
            # What it could not do in time it may do later, as with no answer at all.
            kind = EngineSilent if (error.status or 0) >= SERVER_ERROR else EngineProblem
            raise kind(_refusal(error, self.namespace)) from error
        except (HTTPError, OSError) as error:
            host = self.api.api_client.configuration.host
            reason = getattr(error, "reason", None) or error
            values = {"host": host, "reason": str(reason)}
            raise EngineSilent(Condition("pod_no_answer", values)) from error


def connect(context: str | None, namespace: str | None) -> Cluster:
    """Return the cluster of a context.

    Args:
        context: of the kubeconfig (KUBECONFIG, or ~/.kube/config); None for the current one, or,
            in a pod, for the cluster that it is in.
        namespace: None for the context's own.

    Raises:
        EngineError: the package ``kubernetes`` is missing, or there is no such context.
    """
    try:
        from kubernetes import config
        from kubernetes.client import ApiClient, Configuration, CoreV1Api
    except ImportError as error:
        if error.name and error.name.partition(".")[0] == "kubernetes":
            raise EngineError(translate("pod_no_package")) from None
        raise EngineError(translate("pod_broken_package", error=error)) from error
    configuration = Configuration()
    # The output of each instance is followed on a connection of its own.
    configuration.connection_pool_maxsize = CONNECTIONS
    # Whoever asked is told of the silence, and asks again: not four times as late.
    configuration.retries = 0
    # Its attempts are no news: what becomes of them is told.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    try:
        if context is None and _in_cluster():
            config.load_incluster_config(client_configuration=configuration)
            found = IN_CLUSTER_NAMESPACE.read_text("utf-8").strip()
            return Cluster(CoreV1Api(ApiClient(configuration)), namespace or found, "")
        # Given, since the package looks at the variable once, when it is imported.
        file = os.environ.get("KUBECONFIG") or None
        contexts, active = config.list_kube_config_contexts(file)
        if context is not None:
            active = next((one for one in contexts if one["name"] == context), None)
        if active is None:
            known = ", ".join(one["name"] for one in contexts) or "-"
            raise EngineError(translate("pod_no_context", name=context or "", known=known))
        config.load_kube_config(file, active["name"], client_configuration=configuration)
        own = active["context"].get("namespace")
    except (config.ConfigException, OSError) as error:
        raise EngineError(translate("pod_no_config", error=error)) from error
    api = CoreV1Api(ApiClient(configuration))
    return Cluster(api, namespace or own or DEFAULT_NAMESPACE, active["name"])


def _in_cluster() -> bool:
    return (
        "KUBERNETES_SERVICE_HOST" in os.environ
        and "KUBECONFIG" not in os.environ
        and IN_CLUSTER_NAMESPACE.exists()
    )


def _refusal(error: Any, namespace: str) -> Condition:
    """Say what an `ApiException` means and what to do."""
    try:
        text = str(json.loads(error.body)["message"])
    except (ValueError, KeyError, TypeError):
        text = str(error.reason or error.body or error)
    values = {"namespace": namespace, "detail": text}
    if error.status == 403 and "exceeded quota" in text:
        return Condition("pod_quota", values)
    if error.status == 403 and "violates PodSecurity" in text:
        return Condition("pod_security", values)
    if error.status == 403 and f'namespaces "{namespace}" not found' not in text:
        return Condition("pod_forbidden", values)
    if error.status == 401:
        return Condition("pod_unauthorized", values)
    if f'namespaces "{namespace}" not found' in text:
        return Condition("pod_no_namespace", values)
    return Condition("pod_refused", values)
