"""A container from its start to its end, as somebody in front of a terminal lives through it."""

from __future__ import annotations

import contextlib
import shlex
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.algorithm.dataset import Dataset, read_dataset
from dubhe_simulator.contract.model_files import best, model_files
from dubhe_simulator.contract.payloads import write_request
from dubhe_simulator.errors import EngineError, Stopped
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.docker.instance import DockerInstance
from dubhe_simulator.instances.docker.readiness import Readiness
from dubhe_simulator.instances.docker.spec import ContainerSpec

if TYPE_CHECKING:
    from docker import DockerClient

    from dubhe_simulator.terminal.screen import Screen

POLL_INTERVAL_S = 0.2
IMAGES = 3  # that the sample request of an inference names
NOWHERE = Path("/path/to/images")
EXIT_OK = 0


class ContainerSession:
    """One run of one container.

    Args:
        client: the engine's.
        spec: what to start.
        screen: where to tell about it.
        what: how the user named the image, as words for the next command.
        ready_timeout: seconds for the instance to become ready.
        detach: leave it running once it is ready.
    """

    def __init__(
        self,
        client: DockerClient,
        spec: ContainerSpec,
        screen: Screen,
        *,
        what: str,
        ready_timeout: float,
        detach: bool = False,
    ) -> None:
        self._instance = DockerInstance(client, spec, self._show)
        self._spec = spec
        self._screen = screen
        self._what = what
        self._ready_timeout = ready_timeout
        self._detach = detach
        self._lock = threading.Lock()  # the container's lines come from another thread
        self._reader_gone = threading.Event()

    def run(self) -> int:
        """Run it. Returns the container's exit status; 0 if it was left running.

        Raises:
            EngineError: it could not be started, or did not become ready. It is gone then.
            OSError: folders cannot be written, or the engine went away.
        """
        spec, instance = self._spec, self._instance
        self._line("run_starting", name=spec.name, image=spec.image, instance_id=spec.instance_id)
        with contextlib.ExitStack() as stack:
            stack.enter_context(instance)
            try:
                self._show_ready(self._wait_until_ready())
                if self._detach:
                    self._line("run_detached", name=spec.name)
                    stack.pop_all()
                    return EXIT_OK
                while (exit_info := instance.ended()) is None:
                    self._pause()
            except Stopped:
                with contextlib.suppress(Stopped):  # nobody may read any more
                    self._line("run_stopping", name=spec.name)
                exit_info = instance.stop()
            with contextlib.suppress(Stopped):
                self._show_exit(exit_info.status)
        return exit_info.status

    def _wait_until_ready(self) -> float:
        """Return how many seconds it took."""
        begun = time.monotonic()
        readiness = Readiness(self._spec.temporary_folder)
        console = self._instance.console
        while True:
            ended = self._instance.ended()  # asked first: what it said before its end is then there
            readiness.poll()
            waited = time.monotonic() - begun
            if readiness.ready:
                return waited
            if ended is not None:
                raise EngineError(
                    translate("run_ended_early", status=ended.status, console=console)
                    + (f" ({readiness.failure})" if readiness.failure else "")
                )
            if readiness.failure is not None:
                raise EngineError(translate("run_failed_early", message=readiness.failure))
            if waited > self._ready_timeout:
                raise EngineError(
                    translate("run_timeout", seconds=self._ready_timeout, console=console)
                )
            with self._lock:
                self._screen.bottom(translate("run_waiting", seconds=waited))
            self._pause()

    def _show_ready(self, seconds: float) -> None:
        spec, protocol = self._spec, self._instance.protocol
        assert self._instance.address is not None
        host, port = self._instance.address
        request = spec.run / "request.json"
        write_request(request, _sample_body(spec))
        self._line("run_ready", seconds=seconds, protocol=protocol, host=host, port=port)
        url = f"{protocol}://{host}:{port}"
        send = shlex.join(["dubhe", "send", spec.kind.value, url, "--body", str(request)])
        self._line("run_send", line=send)
        self._line("run_files", folder=spec.run)
        if spec.on_host_network:
            self._line("run_all_interfaces")
        if not self._detach:
            self._line("run_ctrl_c")

    def _show_exit(self, status: int) -> None:
        if self._instance.out_of_memory:
            self._line("run_oom", memory=self._spec.memory or "-")
        model = best(model_files(self._spec.output_folder / "models"))
        if self._spec.kind is TaskKind.TRAIN and model is not None:
            self._line("run_model", path=model)
            what = f" {self._what}" if self._what else ""
            self._line("run_model_next", what=what, path=model)
        self._line("run_ended", status=status)

    def _pause(self) -> None:
        """Wait a moment, or until the container writes nothing more: it has ended then."""
        self._instance.wait(POLL_INTERVAL_S)
        if self._reader_gone.is_set():
            raise Stopped(signal.SIGPIPE)

    def _line(self, key: str, **values: object) -> None:
        """Write a message between the lines of the container."""
        with self._lock:
            self._screen.line(translate(key, **values))

    def _show(self, line: bytes) -> None:
        """Write a line of the container."""
        if self._reader_gone.is_set():
            return
        try:
            with self._lock:
                self._screen.line(line.decode("utf-8", "replace").rstrip("\r"))
        except Stopped:  # the reader of our output has seen enough; the main thread stops
            self._reader_gone.set()


def _sample_body(spec: ContainerSpec) -> dict[str, Any]:
    """Return a request as the platform would send it for this data; without any, an example."""
    folder = spec.data or NOWHERE
    dataset = read_dataset(folder) if folder.is_dir() else Dataset(folder, None, folder)
    body = dataset.request(spec.kind, spec.instance_id, images=IMAGES)
    if body.get("image_names") == [] and not folder.is_dir():
        body["image_names"] = ["1.png"]
    return body
