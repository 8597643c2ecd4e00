"""How folders of the platform reach pods.

Problem: a pod sees nothing of the machine that the platform runs on, and the platform nothing of
what a pod writes: data, models, logs and spools have to lie where both see them.

Mechanism: whoever starts the platform says which of its folders is a volume of the cluster: a
claim (``--volume /shared=CLAIM``), or a folder that every node has (``--volume /data=/mnt/data``;
on a single node, the same folder). Whatever lies below is mounted by its path within the volume,
and only what an instance needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubhe_simulator.errors import EngineError
from dubhe_simulator.i18n import translate


@dataclass(frozen=True)
class Volume:
    """A folder here that the cluster has as well.

    Attributes:
        folder: its path here.
        source: the name of a PersistentVolumeClaim, or a path on every node, which begins with
            ``/``.
    """

    folder: Path
    source: str

    def manifest(self, name: str) -> dict[str, Any]:
        """Return it as a pod has it."""
        if self.source.startswith("/"):
            return {"name": name, "hostPath": {"path": self.source, "type": "Directory"}}
        return {"name": name, "persistentVolumeClaim": {"claimName": self.source}}


def parse_volume(text: str) -> Volume:
    """Read ``FOLDER=CLAIM`` or ``FOLDER=/PATH/ON/THE/NODES``.

    Raises:
        EngineError: it is neither.

    Example:
        >>> parse_volume("/shared=models").source
        'models'
    """
    folder, _, source = text.partition("=")
    if not folder or not source:
        raise EngineError(translate("pod_bad_volume", text=text))
    if not Path(folder).is_dir():
        raise EngineError(translate("no_folder", folder=folder))
    return Volume(Path(folder).resolve(), source)


class Mounts:
    """Collects what one pod mounts.

    Args:
        volumes: all that there are.
    """

    def __init__(self, volumes: Sequence[Volume]) -> None:
        self._known = volumes
        self._used: list[Volume] = []
        self.mounts: list[dict[str, Any]] = []

    def add(self, path: Path, at: str, *, read_only: bool = False) -> None:
        """Mount a path of this machine at a path in the pod.

        Raises:
            EngineError: it is in no volume.
        """
        path = path.resolve()
        holding = [each for each in self._known if path.is_relative_to(each.folder)]
        if not holding:
            raise EngineError(translate("pod_not_shared", path=path))
        volume = max(holding, key=lambda each: len(each.folder.parts))
        if volume not in self._used:
            self._used.append(volume)
        mount: dict[str, Any] = {"name": self._name(volume), "mountPath": at}
        if (inside := path.relative_to(volume.folder)) != Path():
            mount["subPath"] = str(inside)
        if read_only:
            mount["readOnly"] = True
        self.mounts.append(mount)

    @property
    def volumes(self) -> list[dict[str, Any]]:
        """The volumes that the mounts are of, as a pod has them."""
        return [each.manifest(self._name(each)) for each in self._used]

    def _name(self, volume: Volume) -> str:
        return f"shared-{self._used.index(volume)}"
