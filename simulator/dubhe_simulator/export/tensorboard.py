"""A run as TensorBoard's event files, written by tensorboardX."""

from __future__ import annotations

import json
from pathlib import Path

from dubhe_simulator.errors import CannotStart
from dubhe_simulator.export.output import Progress, silent, whole_folder
from dubhe_simulator.export.run_data import RunData
from dubhe_simulator.i18n import translate

EVERY = 5000  # points between two reports of progress


def write_events(data: RunData, folder: Path, progress: Progress = silent) -> Path:
    """Write a run as a folder of TensorBoard's; return it.

    A point's step is which of its metric's points it is, its wall time when it was reported. What
    the run was told is a text, ``run``.

    Args:
        data: the run.
        folder: the log directory; the run becomes a folder in it.
        progress: is told how far it is.

    Raises:
        CannotStart: tensorboardX is not installed, or the run's folder is there already.
        OSError: it cannot be written.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise CannotStart(translate("export_needs", package="tensorboardX", error=error)) from None
    target = folder / data.name
    with whole_folder(target) as part, SummaryWriter(str(part), max_queue=1000) as writer:
        facts = data.facts()
        shown = json.dumps(facts, ensure_ascii=False, indent=1)
        text = "\n".join(f"    {line}" for line in shown.splitlines())
        writer.add_text("run", text, 0, walltime=data.run.started_ms / 1000)
        for metric in data.metrics():
            for step, _, time, value in data.points(metric):
                writer.add_scalar(metric, value, step, walltime=time / 1000)
                if step % EVERY == 0:
                    progress(f"{data.name}: {metric} {step}")
    return target
