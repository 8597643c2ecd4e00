"""The algorithm that the platform can start, its data and its models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.algorithm.dataset import Dataset, images_below
from dubhe_simulator.contract import payloads
from dubhe_simulator.contract.model_files import best, describe, model_files
from dubhe_simulator.errors import CannotPlay, Refused
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.base import Instance
from dubhe_simulator.platform.options import Options
from dubhe_simulator.stage import (
    RunConfig,
    instance_environment,
    instance_folder,
    instance_id,
)
from dubhe_simulator.story import new_run_folder

LISTED = 2000  # names of images and models


class InstanceFactory:
    """Makes instances and the bodies of requests.

    Args:
        options: the platform's.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._dataset = options.dataset

    @property
    def one_each(self) -> bool:
        """Whether an instance has to end before the next of its kind can start."""
        return self._options.backend is not None and self._options.backend.one_each

    @property
    def can_start(self) -> bool:
        """Whether there is an algorithm to start."""
        return self._options.backend is not None

    @property
    def kinds(self) -> tuple[TaskKind, ...]:
        """The kinds of task that can be started, in the order of the story."""
        return tuple(self._options.backend.kinds) if self._options.backend else ()

    @property
    def dataset(self) -> Dataset:
        """The images.

        Raises:
            Refused: there are none.
        """
        if self._dataset is None:
            raise Refused(translate("ui_no_dataset"))
        return self._dataset

    def models(self) -> set[Path]:
        """Return the model files that there are."""
        backend = self._options.backend
        return model_files(backend.models) if backend else set()

    def newest(self) -> Path | None:
        """Return the model made last."""
        found = [(path.stat().st_mtime_ns, path) for path in self.models() if path.exists()]
        if not found:
            return None
        # A training saves several within a moment: the best of its last minute.
        latest = max(found)[0]
        return best({path for at, path in found if latest - at < 60_000_000_000})

    def make(
        self, kind: TaskKind, model: Path | None, params: Mapping[str, Any] | None
    ) -> Instance:
        """Return an instance, not started yet.

        Raises:
            Refused: there is no algorithm, or nothing to run this kind of task.
        """
        options, backend = self._options, self._options.backend
        if backend is None:
            raise Refused(translate("ui_no_algorithm"))
        if kind not in backend.kinds:
            raise Refused(
                translate("ui_no_kind", kind=translate(f"kind_{kind.value}"), place=backend.place)
            )
        run = new_run_folder(options.runs)
        params = options.special_params if params is None else params
        config = RunConfig(backend, run, options.brokers, options.topics, params)
        try:
            return backend.instance(
                kind,
                instance_id(config, kind),
                instance_folder(config, kind),
                instance_environment(config, model),
            )
        except CannotPlay as error:
            raise Refused(str(error)) from error

    def body(
        self, kind: TaskKind, instance: str, images: int, params: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the request that gives an instance its task.

        Raises:
            Refused: there are no images.
        """
        params = self._options.special_params if params is None else params
        if kind is TaskKind.TRAIN:
            return payloads.train(instance, self.dataset, params)
        if kind is TaskKind.EVALUATE:
            return payloads.evaluate(instance, self.dataset, params)
        names = self.dataset.examples(images)
        return payloads.infer(instance, self.dataset, names, 1, params)

    def forms(self, instance: str, kind: TaskKind | None, number: int) -> list[dict[str, Any]]:
        """Return the four requests, filled in for an instance.

        Args:
            instance: its id.
            kind: its kind; None if unknown.
            number: for ``request_number``.
        """
        data = self._dataset or Dataset(Path(), None, Path(), ())
        found = [{"name": "heartbeat", "body": payloads.heartbeat(instance), "fits": True}]
        params = self._options.special_params
        names = data.examples(6) if self._dataset else []
        made = {
            TaskKind.TRAIN: payloads.train(instance, data, params),
            TaskKind.EVALUATE: payloads.evaluate(instance, data, params),
            TaskKind.INFER: payloads.infer(instance, data, names, number, params),
        }
        for of, body in made.items():
            if self._dataset is None:
                unknown: dict[str, Any] = {"data_paths": [], "image_base_dir": ""}
                body.update({key: value for key, value in unknown.items() if key in body})
            found.append({"name": of.value, "body": body, "fits": kind is None or kind is of})
        return found

    def view(self) -> dict[str, Any] | None:
        """Return the algorithm as the page knows it."""
        backend = self._options.backend
        if backend is None:
            return None
        models = sorted(self.models(), key=lambda path: path.name, reverse=True)[:LISTED]
        return {
            "name": backend.name,
            "folder": backend.place,
            "protocol": backend.protocol,
            "kinds": [kind.value for kind in backend.kinds],
            "special_params": dict(self._options.special_params),
            "data": self._data(),
            "models": [describe(path) for path in models],
        }

    def _data(self) -> dict[str, Any]:
        data = self._dataset
        if data is None:
            return {"train": [], "verify": [], "test": "", "classes": [], "images": []}
        names = [str(path.relative_to(data.test)) for path in images_below(data.test)[:LISTED]]
        return {
            "train": [str(data.train)],
            "verify": [str(data.validation)] if data.validation else [],
            "test": str(data.test),
            "classes": list(data.classes),
            "images": names,
        }
