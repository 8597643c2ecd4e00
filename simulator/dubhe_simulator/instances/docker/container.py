"""One container of an algorithm, from its creation to its removal."""

from __future__ import annotations

import contextlib
import io
import tarfile
import time
from typing import TYPE_CHECKING

from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_sdk.launch.shutdown_times import read_shutdown_times
from dubhe_simulator.algorithm.layout import DEFAULT_PROTOCOL, PROTOCOLS, exported_protocol
from dubhe_simulator.errors import EngineError
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.docker.spec import ContainerSpec
from dubhe_simulator.instances.local import HOST

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container
    from docker.models.images import Image

DEFAULT_WORKDIR = "/app"
POLL_INTERVAL_S = 0.1
# Beyond what the container gives itself (DUBHE_SHUTDOWN_TIMEOUT_SECONDS).
GRACE_MARGIN_S = 1.0
EXIT_UNKNOWN = 1


def find_image(client: DockerClient, name: str, advice: str) -> Image:
    """Return an image of the engine's.

    Args:
        client: the engine's.
        name: the image's.
        advice: what to do if there is none.

    Raises:
        EngineError: there is none.
    """
    from docker.errors import APIError, ImageNotFound

    try:
        return client.images.get(name)
    except ImageNotFound:
        raise EngineError(translate("run_no_image", image=name, advice=advice)) from None
    except APIError as error:
        raise EngineError(str(error.explanation or error)) from error


def workdir_of(image: Image) -> str:
    """Return an image's working directory: the algorithm's folder."""
    return image.attrs["Config"].get("WorkingDir") or DEFAULT_WORKDIR


def protocol_in(container: Container, workdir: str, otherwise: str = DEFAULT_PROTOCOL) -> str:
    """Return what the ``run.sh`` in a container exports.

    Args:
        container: one that exists; it need not run.
        workdir: the algorithm's folder in it.
        otherwise: for an image without ``run.sh``: the base's own one starts ``app.py``.
    """
    from docker.errors import NotFound

    with contextlib.suppress(NotFound):
        chunks, _ = container.get_archive(f"{workdir}/run.sh")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            members = archive.getmembers()
            script = archive.extractfile(members[0]) if members else None
            if script is not None:
                otherwise = exported_protocol(script.read().decode(errors="replace"))
    return otherwise if otherwise in PROTOCOLS else DEFAULT_PROTOCOL


class RunningContainer:
    """A container. It exists as soon as this is made, and runs after `start`.

    Args:
        client: the engine's.
        spec: what to start.

    Raises:
        EngineError: the engine refuses it.
    """

    def __init__(self, client: DockerClient, spec: ContainerSpec) -> None:
        from docker.errors import APIError, DockerException

        self.spec = spec
        workdir = workdir_of(client.images.get(spec.image))
        try:
            self.container: Container = client.containers.create(**spec.arguments(workdir))
        except APIError as error:
            raise EngineError(self._refusal(error)) from error
        except DockerException as error:  # an option that the package itself refuses
            raise EngineError(str(error)) from error
        chosen = spec.environment.get("protocol", DEFAULT_PROTOCOL)
        self.protocol = protocol_in(self.container, workdir, chosen)

    def start(self) -> None:
        """Start it.

        Raises:
            EngineError: it cannot start: the port is taken, there is no such GPU.
        """
        from docker.errors import APIError

        try:
            self.container.start()
        except APIError as error:
            raise EngineError(self._refusal(error)) from error

    @property
    def address(self) -> tuple[str, int]:
        """Where it serves: on the host's loopback, or on its network if that is not published."""
        port = self.spec.inner_port
        if self.spec.on_host_network:
            return HOST, port
        self.container.reload()
        settings = self.container.attrs["NetworkSettings"]
        if not self.spec.published:
            return str(settings["Networks"][self.spec.network]["IPAddress"]), port
        bound = (settings.get("Ports") or {}).get(f"{port}/tcp")
        return HOST, int(bound[0]["HostPort"]) if bound else port

    def ended(self) -> int | None:
        """Return its exit status, or None while it runs."""
        from docker.errors import NotFound

        try:
            self.container.reload()
        except NotFound:
            return EXIT_UNKNOWN  # somebody removed it
        state = self.container.attrs["State"]
        return int(state["ExitCode"]) if state["Status"] in ("exited", "dead") else None

    @property
    def out_of_memory(self) -> bool:
        """Whether the kernel killed something in it for its memory limit."""
        return bool(self.container.attrs["State"].get("OOMKilled"))

    def stop(self, impatient: bool = False) -> None:
        """Ask it to end. A second call of an impatient caller kills it."""
        from docker.errors import APIError

        with contextlib.suppress(APIError):  # it has ended meanwhile
            self.container.kill("SIGKILL" if impatient else "SIGTERM")

    @property
    def grace(self) -> float:
        """How many seconds it may take to end."""
        try:
            given = read_shutdown_times(self.spec.environment)
        except EnvironmentInvalid:  # the container will refuse it too, and end
            given = read_shutdown_times({})
        return given.total + GRACE_MARGIN_S

    def remove(self) -> None:
        """Kill and remove it."""
        from docker.errors import APIError, NotFound

        deadline = time.monotonic() + self.grace
        while True:
            try:
                self.container.remove(force=True, v=True)
            except NotFound:
                return
            except APIError as error:
                # "removal … is already in progress" (409) ends by itself.
                if error.status_code != 409 or time.monotonic() > deadline:
                    raise EngineError(str(error.explanation or error)) from error
                time.sleep(POLL_INTERVAL_S)
            else:
                return

    def _refusal(self, error: Exception) -> str:
        text = str(getattr(error, "explanation", None) or error)
        if "port is already allocated" in text or "address already in use" in text:
            return translate("run_port_taken", port=self.spec.port)
        if "could not select device driver" in text or "nvidia-container" in text:
            return translate("run_no_gpu", error=text)
        if "is already in use by container" in text:
            return translate("run_name_taken", name=self.spec.name)
        return text
