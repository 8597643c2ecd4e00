"""The algorithm that the platform can start, its data and its models."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.environment import text
from dubhe_simulator.algorithm.dataset import EXAMPLES, ImageNames
from dubhe_simulator.algorithm.methods import AppMethods
from dubhe_simulator.contract import payloads
from dubhe_simulator.contract.model_files import best, describe, model_files
from dubhe_simulator.contract.topics import kafka_variables
from dubhe_simulator.errors import CannotStart, Refused
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.base import Instance
from dubhe_simulator.platform.run_config import RunConfig, new_run_folder

SYSTEM_METRICS = "DUBHE_SYSTEM_METRICS_SECONDS"
SYSTEM_METRICS_SECONDS = "5"  # on the page; the real platform has none
LISTED = 2000  # names of images and models


class InstanceFactory:
    """Makes instances and the bodies of requests.

    Args:
        config: the platform's.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._images = ImageNames(config.dataset)
        self._methods = AppMethods(config.backend.source if config.backend else None)

    @property
    def kinds(self) -> tuple[TaskKind, ...]:
        """The kinds of task that can be started, in their order; none without an algorithm."""
        return tuple(self._config.backend.kinds) if self._config.backend else ()

    @property
    def models_folder(self) -> Path | None:
        """Where the algorithm saves models."""
        return self._config.backend.models if self._config.backend else None

    def models(self) -> set[Path]:
        """Return the model files that there are."""
        return model_files(self.models_folder) if self.models_folder else set()

    def newest(self) -> Path | None:
        """Return the model made last."""
        found = [(path.stat().st_mtime_ns, path) for path in self.models() if path.exists()]
        if not found:
            return None
        # A training saves several within a moment: the best of its last minute.
        latest = max(found)[0]
        return best({path for at, path in found if latest - at < 60_000_000_000})

    def make(
        self,
        kind: TaskKind,
        model: Path | None,
        params: Mapping[str, Any] | None,
        folder: Path | None = None,
    ) -> Instance:
        """Return an instance, not started yet.

        Args:
            kind: of task.
            model: the model file for evaluation and inference.
            params: business parameters; None for the platform's own.
            folder: in which its own is made; None for a new one in the runs folder.

        Raises:
            Refused: there is no algorithm, or nothing to run this kind of task.
        """
        backend = self._config.backend
        if backend is None:
            raise Refused(translate("ui_no_algorithm"))
        if kind not in backend.kinds:
            name = translate(f"kind_{kind.value}")
            raise Refused(translate("ui_no_kind", kind=name))
        run = folder or new_run_folder(self._config.runs)
        name = f"{backend.name}-local-{kind.id_word}-{run.name}"
        try:
            return backend.instance(kind, name, run / kind.value, self._environment(model, params))
        except CannotStart as error:
            raise Refused(str(error)) from error

    def params(self, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the business parameters that count: those given, else the platform's own."""
        return dict(self._config.special_params if given is None else given)

    def request(
        self,
        kind: TaskKind,
        instance: str,
        images: int,
        params: Mapping[str, Any] | None = None,
        number: int = 1,
    ) -> dict[str, Any]:
        """Return the request that gives an instance its task."""
        return self._config.dataset.request(
            kind, instance, images=images, number=number, special_params=self.params(params)
        )

    def forms(self, instance: str, kind: TaskKind | None, number: int) -> list[dict[str, Any]]:
        """Return the four requests, filled in for an instance.

        Args:
            instance: its id.
            kind: its kind; None if unknown.
            number: for ``request_number``.
        """
        heartbeat = {"name": "heartbeat", "body": payloads.heartbeat(instance), "fits": True}
        return [heartbeat] + [
            {
                "name": of.value,
                "body": self.request(of, instance, EXAMPLES, number=number),
                "fits": kind is None or kind is of,
            }
            for of in TaskKind
        ]

    def view(self) -> dict[str, Any] | None:
        """Return the algorithm as the page knows it."""
        backend, data = self._config.backend, self._config.dataset
        if backend is None:
            return None
        models = sorted(self.models(), key=lambda path: path.name, reverse=True)[:LISTED]
        return {
            "name": backend.name,
            "folder": backend.place,
            "protocol": backend.protocol,
            "kinds": [kind.value for kind in backend.kinds],
            "missing": sorted(kind.value for kind in self._methods.missing()),
            "special_params": dict(self._config.special_params),
            "data": {
                "train": [str(data.train)] if data.train else [],
                "verify": [str(data.validation)] if data.validation else [],
                "test": str(data.test or ""),
                "classes": list(data.classes),
                "images": self._images.get()[:LISTED],
            },
            "models": [describe(path) for path in models],
            "best": str(newest) if (newest := self.newest()) else None,
        }

    def _environment(self, model: Path | None, params: Mapping[str, Any] | None) -> dict[str, str]:
        """Return the variables of an instance."""
        config = self._config
        env = kafka_variables(config.brokers, config.topics)
        env[SYSTEM_METRICS] = text(os.environ, SYSTEM_METRICS) or SYSTEM_METRICS_SECONDS
        if model is not None:
            env["model_path"] = str(model)
        if params := self.params(params):
            env["special_params"] = json.dumps(params)
        return env
