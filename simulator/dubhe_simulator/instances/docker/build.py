"""Building an image from an algorithm's folder, with what the engine says on the way."""

from __future__ import annotations

import re
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubhe_simulator.errors import EngineError
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.docker.dockerfile import bases, is_base, with_base

if TYPE_CHECKING:
    from docker import DockerClient

    from dubhe_simulator.terminal.screen import Screen

TAIL_LINES = 20

_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CACHED = "---> Using cache"
# What the engine says about itself between the steps.
_OWN = re.compile(
    r" ?--->|Removing intermediate container|# Executing |"
    r"Successfully (built [0-9a-f]{12}$|tagged )"
)


class BuildOutput:
    """Writes the steps to a screen, and their output if it is asked for.

    Otherwise the latest line of the output is on a terminal's last line.
    """

    def __init__(self, screen: Screen, verbose: bool) -> None:
        self._screen = screen
        self._verbose = verbose

    def step(self, number: int, total: int, text: str) -> None:
        """A step of the Dockerfile begins."""
        self._screen.line(f"  {number}/{total}  {text}")

    def output(self, line: str) -> None:
        """The step wrote a line."""
        if self._verbose:
            self._screen.line(f"  | {line}")
        else:
            self._screen.bottom(f"  | {line}")

    def pulling(self, text: str) -> None:
        """A layer of the base image is on its way."""
        self._screen.bottom(f"  | {text}")


@dataclass(frozen=True)
class BuildOptions:
    """How to build.

    Attributes:
        folder: with the Dockerfile; what `.dockerignore` leaves is sent to the engine.
        tag: the image's name.
        base: takes the place of ``FROM dubhe-base``.
        arguments: build arguments.
        network: of the steps, e.g. ``host``.
        use_cache: whether steps may come from the cache.
        pull: ask the registry for a newer base.
    """

    folder: Path
    tag: str
    base: str | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    network: str | None = None
    use_cache: bool = True
    pull: bool = False


@dataclass(frozen=True)
class Built:
    """The image, and how many of its steps came from the cache; FROM is none."""

    tag: str
    size: int
    steps: int
    cached: int


class BuildFailed(Exception):
    """A step failed.

    Attributes:
        step: the failing step, e.g. ``2/3  RUN pip install …``; empty before the first.
        tail: the last lines of its output.
    """

    def __init__(self, text: str, step: str, tail: tuple[str, ...]) -> None:
        super().__init__(text)
        self.step = step
        self.tail = tail


def build(client: DockerClient, options: BuildOptions, view: BuildOutput) -> Built:
    """Build the image.

    Raises:
        EngineError: it cannot begin: no Dockerfile, no base image, unreadable files.
        BuildFailed: a step failed.
    """
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException

    with ExitStack() as stack:
        dockerfile = _dockerfile(client, options, stack)
        try:
            stream = client.api.build(
                path=str(options.folder),
                dockerfile=dockerfile,
                tag=options.tag,
                buildargs=dict(options.arguments),
                network_mode=options.network,
                nocache=not options.use_cache,
                pull=options.pull,
                rm=True,
                forcerm=True,
                decode=True,
            )
            steps, cached = _follow(stream, options, view)
        except APIError as error:  # before it is a DockerException: it is one
            raise EngineError(str(error.explanation or error)) from error
        except DockerException as error:
            raise EngineError(str(error)) from error
        except RequestException:
            raise  # an OSError too, but about the connection
        except OSError as error:
            cause = error.__cause__ or error.__context__
            raise EngineError(
                translate("bad_context_file", error=error, reason=f" ({cause})" if cause else "")
            ) from error
    size = int(client.images.get(options.tag).attrs["Size"])
    return Built(options.tag, size, steps, cached)


def _dockerfile(client: DockerClient, options: BuildOptions, stack: ExitStack) -> str:
    """Return the Dockerfile's path, below the folder or of a changed copy."""
    path = options.folder / "Dockerfile"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise EngineError(translate("no_dockerfile", folder=options.folder)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError(translate("bad_dockerfile", path=path, error=error)) from error
    if options.base is None:
        for image in bases(text):
            if is_base(image) and "/" not in image:  # one with a registry can be pulled
                _check_base(client, image)
        return "Dockerfile"
    changed = with_base(text, options.base)
    if changed is None:
        found = ", ".join(bases(text)) or "-"
        raise EngineError(translate("no_base_line", path=path, found=found))
    if is_base(options.base) and "/" not in options.base:
        _check_base(client, options.base)
    copies = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dubhe-build-")))
    copy = copies / "Dockerfile"
    copy.write_text(changed, encoding="utf-8")
    return str(copy)


def _check_base(client: DockerClient, image: str) -> None:
    from docker.errors import ImageNotFound

    try:
        client.images.get(image)
    except ImageNotFound:
        raise EngineError(translate("no_base", image=image)) from None


def _follow(
    stream: Iterator[dict[str, Any]], options: BuildOptions, view: BuildOutput
) -> tuple[int, int]:
    """Tell the view what comes; return how many steps there were, and how many were cached."""
    step = ""
    all_steps: set[str] = set()
    cached: set[str] = set()
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    for event in stream:
        if "error" in event:
            raise BuildFailed(_reason(str(event["error"]), options), step, tuple(tail))
        if "status" in event:
            words = (event.get("id"), event["status"], event.get("progress"))
            view.pulling(" ".join(str(word) for word in words if word))
        # A carriage return: pip draws its bar anew.
        for line in re.split(r"[\r\n]+", _ESCAPES.sub("", event.get("stream", ""))):
            if begun := _STEP.fullmatch(line.strip()):
                step = f"{begun[1]}/{begun[2]}  {begun[3]}"
                tail.clear()
                view.step(int(begun[1]), int(begun[2]), begun[3])
                # FROM makes nothing, though what the base does ONBUILD may come from the cache.
                if not begun[3].upper().startswith("FROM "):
                    all_steps.add(step)
            elif _CACHED in line:
                cached.add(step)
            elif line.strip() and not _OWN.match(line):
                tail.append(line.rstrip())
                view.output(line.rstrip())
    return len(all_steps), len(cached & all_steps)


def _reason(error: str, options: BuildOptions) -> str:
    """Return the engine's words, and what to do where they do not tell."""
    text = error.strip()
    if "requires BuildKit" in text:
        return f"{text}\n{translate('needs_buildkit', tag=options.tag, folder=options.folder)}"
    if "pull access denied" in text or "manifest unknown" in text or "failed to resolve" in text:
        advice = translate("pull_of_local_base" if options.pull else "no_such_base")
        return f"{text}\n{advice}"
    return text
