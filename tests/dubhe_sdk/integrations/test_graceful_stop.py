"""A stop is a question while a framework trains, and an exception before and after."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_sdk import Context, TaskStopped
from dubhe_sdk.api import stopping
from dubhe_sdk.api.current_task import close_task, open_task
from dubhe_sdk.integrations import graceful_stop
from dubhe_sdk.integrations.graceful_stop import GracefulStop, leave_to_the_callback
from dubhe_sdk.model.stop import StopSignal


@pytest.fixture(autouse=True)
def sigterm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(stopping, "_asked", False)
    monkeypatch.setenv(stopping.TASK_VARIABLE, str(tmp_path / "task.json"))  # as in a rank
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    graceful_stop._training.clear()
    signal.signal(signal.SIGTERM, before)


def test_it_is_taken_and_given_back() -> None:
    stop = GracefulStop()
    stop.begin()
    os.kill(os.getpid(), signal.SIGTERM)  # ends nothing
    stop.begin()
    stop.end()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    stop.end()


def test_a_script_that_is_no_task_ends_by_sigterm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(stopping.TASK_VARIABLE)
    GracefulStop().begin()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_library_s_own_handler_stays() -> None:
    def own(*_: object) -> None:
        """Save something."""

    signal.signal(signal.SIGTERM, own)
    stop = GracefulStop()
    stop.begin()
    assert signal.getsignal(signal.SIGTERM) is own
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    stop.begin()
    signal.signal(signal.SIGTERM, own)  # in the middle of the training
    stop.end()
    assert signal.getsignal(signal.SIGTERM) is own


def test_the_sdk_s_handler_is_given_back() -> None:
    of_sdk = StopSignal()
    signal.signal(signal.SIGTERM, of_sdk._handle)
    stop = GracefulStop()
    stop.begin()
    assert signal.getsignal(signal.SIGTERM) is leave_to_the_callback
    stop.end()
    with pytest.raises(TaskStopped):
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_forked_child_dies_of_sigterm() -> None:
    stop = GracefulStop()
    stop.begin()
    ready = multiprocessing.get_context("fork").Event()
    child = multiprocessing.get_context("fork").Process(target=_wait, args=(ready,))
    child.start()
    assert ready.wait(60)
    child.terminate()
    child.join(60)
    assert child.exitcode == -signal.SIGTERM
    stop.end()


def _wait(ready: threading.Event) -> None:
    ready.set()
    signal.pause()


def test_in_a_thread_nothing_is_taken() -> None:
    stop = GracefulStop()
    thread = threading.Thread(target=stop.begin)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_pickled_one_is_not_begun() -> None:
    stop = GracefulStop()
    stop.begin()
    pickle.loads(pickle.dumps(stop)).end()
    assert signal.getsignal(signal.SIGTERM) is leave_to_the_callback
    stop.end()


class Failed:
    """A model that refers to itself, as those of the frameworks do by their callbacks."""

    def __init__(self) -> None:
        self.model = self
        self.stop = GracefulStop()
        self.stop.begin()


@pytest.fixture
def without_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collection")
def test_a_training_that_failed_does_not_keep_a_stop_from_what_comes_after_it() -> None:
    signal.signal(signal.SIGTERM, StopSignal()._handle)
    Failed()
    GracefulStop().begin()
    with pytest.raises(TaskStopped):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.usefixtures("env")
def test_a_training_that_failed_does_not_outlive_its_task(tmp_path: Path) -> None:
    before = StopSignal()._handle
    signal.signal(signal.SIGTERM, before)
    context = Context({})
    open_task(context, tmp_path / "task.json")
    failed = Failed()
    assert signal.getsignal(signal.SIGTERM) is leave_to_the_callback
    close_task(context, tmp_path / "task.json")
    assert signal.getsignal(signal.SIGTERM) == before
    later = GracefulStop()
    later.begin()
    later.end()
    assert signal.getsignal(signal.SIGTERM) == before, "the failed one no longer counts"
    del failed


def test_a_framework_that_sets_it_again_after_the_end_does_no_harm() -> None:
    of_sdk = StopSignal()
    signal.signal(signal.SIGTERM, of_sdk._handle)
    stop = GracefulStop()
    stop.begin()
    saved = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *_: None)  # the framework's own
    stop.take_again()
    os.kill(os.getpid(), signal.SIGTERM)
    stop.end()
    signal.signal(signal.SIGTERM, saved)
    with pytest.raises(TaskStopped):
        os.kill(os.getpid(), signal.SIGTERM)
