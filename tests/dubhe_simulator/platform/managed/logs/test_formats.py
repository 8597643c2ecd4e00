"""The levels of what libraries write to the console."""

from __future__ import annotations

import pytest

from dubhe_simulator.platform.managed.logs.formats import LEVELS, ConsoleFormat


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-01-02 03:04:05,678 WARNING 12 of the SDK", "WARNING"),
        ('{"time":"2026-01-01T00:00:00.000+00:00","level":"ERROR","logger":"x"', "ERROR"),
        ("INFO:root:basicConfig", "INFO"),
        ("CRITICAL:my.module:basicConfig", "ERROR"),
        ("2026-11-29 21:00:00,123 - trainer - DEBUG - epoch 1", "DEBUG"),
        ("11/29 12:00:00 - mmengine - WARNING - of OpenMMLab", "WARNING"),
        ("2026-11-29 21:00:00.123 | ERROR    | app:fit:12 - loguru", "ERROR"),
        ("[2026-11-29 21:00:00,123] [ WARNING] - of Paddle", "WARNING"),
        ("[2023/01/01 12:00:00] ppocr INFO: epoch: [1/100]", "INFO"),
        ("[2026-11-29 21:00:00 +0000] [12] [INFO] Listening at", "INFO"),
        ("\x1b[32mINFO\x1b[0m: GPU available", "INFO"),
        ("WARNING ⚠️ no labels", "WARNING"),
        ("W1129 12:00:00.123456  4711 gpu.cc:12] of glog", "WARNING"),
        ("/site-packages/torch/nn/a.py:12: UserWarning: lr_scheduler", "WARNING"),
        (" 10 %\r\x1b[31mERROR: out of memory", "ERROR"),
        ("Epoch 3, loss 0.25", ""),
        ("there was no ERROR in these INFO lines", ""),
        ("the WARNING sign is a class of this dataset", ""),
        ("INFORMATION", ""),
        ("", ""),
    ],
)
def test_a_level_is_recognised_where_log_lines_have_it(line: str, level: str) -> None:
    [found], _ = ConsoleFormat().levels([line.encode()], 0)
    assert found is not None and LEVELS[found] == level


def test_a_traceback_is_an_error_to_its_last_line() -> None:
    lines = [
        ("training", ""),
        ("Traceback (most recent call last):", "ERROR"),
        ('  File "app.py", line 3, in fit', "ERROR"),
        ("    load()", "ERROR"),
        ("KeyError: 'weights'", "ERROR"),
        ("", ""),
        ("During handling of the above exception, another exception occurred:", "ERROR"),
        ("", ""),
        ("Traceback (most recent call last):", "ERROR"),
        ('  File "app.py", line 5, in fit', "ERROR"),
        ("RuntimeError: no weights", "ERROR"),
        ("goes on", ""),
    ]
    found, context = ConsoleFormat().levels([line.encode() for line, _ in lines], 0)
    assert [LEVELS[level or 0] for level in found] == [level for _, level in lines]
    assert context == 0
