"""gunicorn with one worker process and a thread for each request.

The worker owns the platform: what it started ends when the worker ends, however that happens.
Should the worker die, the server ends too and says so; another start goes on where it stopped.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.workers.gthread import ThreadWorker

from dubhe_simulator import interrupts
from dubhe_simulator.errors import CannotStart
from dubhe_simulator.platform.platform import Platform
from dubhe_simulator.platform.run_config import RunConfig
from dubhe_simulator.web.slow import TAKE_S, Deadlines, TimedBody

THREADS = 64
CONNECTIONS = 500
STUCK_S = 60
STOP_S = 40  # instances get 10 s to end in order, and their messages some more
REPLIES_S = 3  # running replies get this long
EXIT_CANNOT = 1


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        OSError: the address is taken, or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock


def serve(
    config: RunConfig,
    listener: socket.socket,
    app: Callable[[Platform], Any],
    ready: Callable[[], None],
) -> int:
    """Serve until a signal; return the exit status: 128 + signal, or 1 if the worker died.

    Args:
        config: the platform's.
        listener: from `bind`; closed at the end.
        app: makes the application of the platform; called in the worker.
        ready: called in the worker when the platform runs.
    """
    server = Server(config, listener.detach(), app, ready)
    arbiter = os.getpid()
    try:
        server.run()
    except SystemExit as ended:
        if os.getpid() != arbiter:
            raise  # the worker was forked from here, and ends here
        code = ended.code if isinstance(ended.code, int) else 1
        return 128 + server.signum if server.signum and code == 0 else code
    return 0


class Server(BaseApplication):  # type: ignore[misc]
    """Configures gunicorn by itself: no command line, no file, no environment."""

    def __init__(
        self,
        config: RunConfig,
        listen_fd: int,
        app: Callable[[Platform], Any],
        ready: Callable[[], None],
    ) -> None:
        self.config = config
        self.listen_fd = listen_fd
        self.make_app = app
        self.ready = ready
        self.platform: Platform | None = None
        self.signum = 0  # what asked the server to end
        self.keeps_on_hangup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # nohup
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults, or could come from its variables."""
        settings = {
            "bind": [f"fd://{self.listen_fd}"],
            "workers": 1,
            "worker_class": PlatformWorker,
            "threads": THREADS,
            "worker_connections": CONNECTIONS,
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None,
            "timeout": STUCK_S,
            "graceful_timeout": STOP_S,
            "keepalive": 15,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "error",
            "proc_name": "dubhe-ui",
            "forwarded_allow_ips": "",
            "child_exit": _on_worker_death,
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        """Begin the platform and return the application; called in the worker."""
        try:
            self.platform = Platform(self.config)
        except CannotStart as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(EXIT_CANNOT)
        self.platform.start()
        self.ready()
        return self.make_app(self.platform)

    def run(self) -> None:
        """Serve. Ends by `SystemExit`."""
        PlatformArbiter(self).run()


class PlatformArbiter(Arbiter):  # type: ignore[misc]
    """Ends on SIGHUP instead of loading anew: the terminal is closed."""

    def handle_hup(self) -> None:
        """End, unless started under nohup."""
        if not self.app.keeps_on_hangup:
            self.app.signum = signal.SIGHUP
            super().handle_term()

    def handle_int(self) -> None:
        """Ctrl-C."""
        self.app.signum = signal.SIGINT
        super().handle_int()

    def handle_term(self) -> None:
        """SIGTERM."""
        self.app.signum = signal.SIGTERM
        super().handle_term()


class PlatformWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threads, and an orderly end of the platform whatever the signal."""

    alive: bool

    def init_process(self) -> None:
        """Prepare this process, then serve."""
        self._counts: dict[int, int] = {}
        self._deadlines = Deadlines()
        self.cfg.set("graceful_timeout", REPLIES_S)
        super().init_process()

    def init_signals(self) -> None:
        """Take every signal that ends by `handle_exit`."""
        super().init_signals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the arbiter tells

    def notify(self) -> None:
        """Called every second: show signs of life, and end what is late."""
        super().notify()
        self._deadlines.poll()

    def handle(self, conn: Any) -> Any:
        """Serve a request; its head has a time to arrive in."""
        self._deadlines.begin(conn.sock)
        try:
            return super().handle(conn)
        finally:
            self._deadlines.end(conn.sock)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Serve a request whose head has arrived."""
        self._deadlines.end(conn.sock)
        req.body = TimedBody(req.body, conn.sock, self._deadlines)
        conn.sock.settimeout(TAKE_S)
        try:
            return super().handle_request(req, conn)
        except TimeoutError:
            raise StopIteration from None  # the client does not take its reply: close

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End; a second signal of the same kind kills what does not end by itself."""
        self._counts[sig] = self._counts.get(sig, 0) + 1
        interrupts.note(max(self._counts.values()) - 1)
        if self.alive:
            self.alive = False
            if self.app.platform is not None:
                # Open pages let go of their threads. From here, since the lock may be held by
                # the very code that this handler interrupts.
                self.method_queue.defer(self.app.platform.change_feed.close)

    handle_quit = handle_exit

    def run(self) -> None:
        """Serve until told to stop, then end the platform."""
        try:
            super().run()
        finally:
            platform: Platform | None = self.app.platform
            if platform is not None:
                platform.close()
        if self.nr_conns > 0:
            os._exit(0)  # a request that nobody answers would hold the process


def _on_worker_death(arbiter: Any, worker: Any) -> None:
    """A worker that ends without having been told: its platform is gone."""
    if arbiter.app.signum == 0:
        raise HaltServer("the platform's process has ended", 1)
