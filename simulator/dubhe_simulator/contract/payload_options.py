"""The body of a request as a command line describes it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.algorithm.dataset import Dataset, images_below, read_dataset
from dubhe_simulator.contract import payloads
from dubhe_simulator.errors import CannotPlay
from dubhe_simulator.i18n import translate

EXAMPLES = 6


def read_body(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        CannotPlay: there is none.
    """
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CannotPlay(translate("send_bad_body", path=path, error=error)) from error
    if not isinstance(value, dict):
        raise CannotPlay(translate("not_json", option="--body", value=path))
    return value


def json_object(option: str, value: str | None) -> dict[str, Any]:
    """Return the JSON object that an option gives; an empty one if it gives none.

    Raises:
        CannotPlay: it is no JSON object.
    """
    try:
        parsed = json.loads(value or "{}")
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise CannotPlay(translate("not_json", option=option, value=value))
    return parsed


def make_body(
    kind: TaskKind, instance: str, data_dir: Path | None, images: Path | None
) -> dict[str, Any]:
    """Return a request of a kind.

    Args:
        kind: of task.
        instance: whom it is for.
        data_dir: labelled images, dealt out as `dubhe play` does; None leaves the lists empty.
        images: for an inference: all images in this folder.

    Raises:
        CannotPlay: there are no images in the folder.
    """
    data = read_dataset(data_dir) if data_dir is not None else None
    given = data or Dataset(Path(), None, Path(), ())
    if kind is TaskKind.TRAIN:
        body = payloads.train(instance, given)
    elif kind is TaskKind.EVALUATE:
        body = payloads.evaluate(instance, given)
    else:
        names = data.examples(EXAMPLES) if data is not None else []
        body = payloads.infer(instance, given, names, 1)
    if data is None:
        empty: dict[str, Any] = {"data_paths": [], "image_base_dir": "", "image_names": []}
        body.update({name: value for name, value in empty.items() if name in body})
    if images is not None and kind is TaskKind.INFER:
        folder = images.absolute()
        found = [str(path.relative_to(folder)) for path in images_below(folder)]
        if not found:
            raise CannotPlay(translate("no_data", folder=folder))
        body.update(image_base_dir=str(folder), image_names=found)
    return body


def set_fields(body: dict[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """Return the body with fields set by ``KEY=VALUE``; VALUE is JSON, or else a text.

    Raises:
        CannotPlay: a setting has no ``=`` or no key.
    """
    changed = dict(body)
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise CannotPlay(translate("send_bad_set", text=setting))
        try:
            changed[name] = json.loads(text)
        except ValueError:
            changed[name] = text
    return changed
