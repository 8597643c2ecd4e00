from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest

from dubhe_sdk.service.run_dir import RunDirUnusable, run_dir
from tests.dubhe_sdk.service.algorithms import TRAINING, app_with
from tests.dubhe_sdk.service.harness import APP_COMMAND, INFERENCE_ID, App

INFERS = app_with() + '\n    @dubhe_sdk.inference()\n    def infer(self, ctx): return ["found"]\n'


def test_it_is_made_and_removed(tmp_path: Path) -> None:
    with run_dir(tmp_path) as folder:
        assert folder.is_dir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert tmp_path in folder.parents
        (folder / "task.json").touch()
    assert list((tmp_path / "run").iterdir()) == []


def test_what_a_dead_service_left_is_removed_and_that_of_a_living_one_is_not(
    tmp_path: Path,
) -> None:
    with run_dir(tmp_path) as living:
        pid = os.fork()
        if pid == 0:
            with run_dir(tmp_path) as folder:
                (folder / "task.json").touch()
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
        assert len(list((tmp_path / "run").glob("*/"))) >= 2
        with run_dir(tmp_path) as own:
            folders = {path for path in (tmp_path / "run").iterdir() if path.is_dir()}
            assert folders == {living, own}


def test_a_root_that_cannot_be_written_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    with run_dir(tmp_path / "file") as folder:
        assert folder.parent == tmp_path / "tmp"
    assert not folder.exists()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(RunDirUnusable, match="Mount a writable volume"), run_dir(tmp_path / "file"):
        pass


def test_a_root_with_a_long_path_serves_inferences(tmp_path: Path) -> None:
    with App(tmp_path, INFERS, INFERENCE_ID) as app:
        app.temporary = tmp_path / ("long" * 30)
        app.env["DUBHE_TEMPORARY"] = str(app.temporary)
        app.start()
        assert app.infer()["data"] == ["found"]
        app.terminate()
        assert app.wait() == 0


def test_nothing_depends_on_files_in_the_system_s_temporary_folder(tmp_path: Path) -> None:
    with App(tmp_path, TRAINING) as app:
        app.start()
        app.train()
        app.wait_file("training")
        assert list((tmp_path / "tmp").iterdir()) == []
        app.write("go on", "")
        app.wait_reported("END 200")


@pytest.mark.needs("unshare")
@pytest.mark.parametrize("protocol", ["tcp", "http"])
@pytest.mark.parametrize("instance_id", [INFERENCE_ID, ""])
def test_a_read_only_root_with_a_writable_temporary(
    tmp_path: Path, protocol: str, instance_id: str
) -> None:
    source = INFERS if instance_id else app_with()
    with App(tmp_path, source, instance_id, protocol) as app:
        app.temporary.mkdir()
        script = (
            'mount --bind "$0" "$0" && mount -o remount,ro,bind / '
            "&& mount -t tmpfs -o ro x /dev/shm "
            '&& ! touch "$0/../x" /tmp/x 2>/dev/null && exec "$@"'
        )
        command = ["unshare", "-m", "sh", "-c", script, str(app.temporary)]
        app.start([*command, *APP_COMMAND])
        if instance_id:
            assert app.infer()["data"] == ["found"]
        else:
            app.train()
            app.wait_reported("END 200")
        app.terminate()
        assert app.wait() == 0
