"""What ``dubhe init`` writes: the files in ``files``, their sample images, and fitting requests.

For a training framework, or for data that are not images, it is the project's example of that, to
which a link in ``files`` leads.
"""

from __future__ import annotations

import runpy
from pathlib import Path

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.environment import DEFAULT_PORT
from dubhe_simulator.algorithm.dataset import read_dataset
from dubhe_simulator.algorithm.layout import Algorithm, read_algorithm
from dubhe_simulator.contract.payloads import write_request

_FILES = Path(__file__).with_name("files")
# Under their own names these would hide files from git and from the packaging.
_RENAMED = {"dockerignore": ".dockerignore", "gitignore": ".gitignore"}
FRAMEWORKS = ("lightning", "mmengine", "paddle", "transformers", "ultralytics")
TABLE = "table"
DATA_KINDS = ("images", TABLE)
_HTTP_ONLY = "@HTTP@"
_IMAGES_IN_REQUEST = 3


def write_algorithm(folder: Path, protocol: str) -> Algorithm:
    """Write a runnable algorithm. Files of the same names are overwritten, others stay.

    Args:
        folder: where; it is made.
        protocol: ``http`` or ``tcp``.

    Raises:
        OSError: something cannot be written.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(_FILES.iterdir()):
        if source.is_file():  # an installer compiles what it takes for modules
            text = source.read_text(encoding="utf-8")
            target = folder / _RENAMED.get(source.name, source.name)
            target.write_text(_filled(source.name, text, folder, protocol), encoding="utf-8")
    runpy.run_path(str(folder / "prepare.py"))["prepare"](folder / "data")
    algorithm = read_algorithm(folder)
    _write_requests(algorithm)
    return algorithm


def write_example(folder: Path, protocol: str, name: str) -> None:
    """Write the example of a training framework, or of data that are a table.

    Files of the same names are overwritten.
    Its ``prepare.py`` makes the data; it needs packages of ``requirements.txt``.

    Args:
        folder: where; it is made.
        protocol: ``http`` or ``tcp``.
        name: one of `FRAMEWORKS`, or `TABLE`.

    Raises:
        OSError: something cannot be written.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted((_FILES / name).iterdir()):
        if source.is_file():
            text = source.read_text(encoding="utf-8")
            if source.name == "README.md":
                text = _apart(text)
            else:
                text = _filled(source.name, text, folder, protocol)
            (folder / source.name).write_text(text, encoding="utf-8")


def _apart(readme: str) -> str:
    """Return an example's README without what leads to other files of the project."""
    lines = [line for line in readme.splitlines() if "](../../" not in line]
    text = "\n".join(lines).replace("../../core ../../sidecar ../../simulator ../.. ", "")
    return text.rstrip() + "\n"


def _filled(name: str, text: str, folder: Path, protocol: str) -> str:
    if name == "run.sh":
        return text.replace('protocol="http"', f'protocol="{protocol}"')
    if name != "README.md":
        return text
    lines = text.splitlines()
    if protocol != "http":
        lines = [line for line in lines if not line.startswith(_HTTP_ONLY)]
    text = "\n".join(line.removeprefix(_HTTP_ONLY).lstrip() for line in lines) + "\n"
    values = {
        "NAME": folder.name,
        "ID": Algorithm(folder, protocol, ()).name,
        "ADDRESS": f"{protocol}://127.0.0.1:{DEFAULT_PORT}",
    }
    for word, value in values.items():
        text = text.replace(f"@{word}@", value)
    return text


def _write_requests(algorithm: Algorithm) -> None:
    """Write one request of each kind, as the platform would send it for the sample images."""
    dataset = read_dataset(algorithm.folder / "data")
    folder = algorithm.folder / "requests"
    folder.mkdir(exist_ok=True)
    for kind in TaskKind:
        name = f"{algorithm.name}-local-{kind.id_word}-1"
        body = dataset.request(kind, name, images=_IMAGES_IN_REQUEST)
        write_request(folder / f"{kind.value}.json", body)
