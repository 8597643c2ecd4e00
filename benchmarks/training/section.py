"""The section ``training``."""

from __future__ import annotations

from benchmarks.processes import environ, running
from benchmarks.reporting.team import SIDECAR, frame_bytes
from benchmarks.results import Section, Table
from benchmarks.session import Session, platform_environ
from benchmarks.stats import mean_with_interval, median, percentile
from benchmarks.units import microseconds, milliseconds, number, ratio
from benchmarks.worker import Worker
from tests.examples.torch_environment import torch_python

METHOD = """\
A small convolutional network is trained in one process, one thread, in pairs of blocks: one that
reports after every batch and one that does not, which of them first is drawn by lot
(`perf_counter`). A sidecar delivers to a real broker meanwhile. What is lost is the time of the
reporting block over that of its partner, less one. Pairs in which something else had the processor
are outliers in either direction; the tenth of the pairs at each end is left out (trimmed mean), and
the interval is that of the rest (95 %, Student's t, by winsorized deviation). Beside it stands what
a call itself took in that loop, with the caches that training leaves, and a bare `os.write` of as
many bytes there, in blocks between the pairs. Twenty blocks warm up."""
_WARM_UP = 20
_TRIM = 0.1


def measure(session: Session) -> Section:
    """Measure what is lost by reporting every batch."""
    section = Section("training", "Training throughput", METHOD)
    session.say("environment of torch")
    python = torch_python()
    ours = session.interpreter("ours", (), section)
    if ours is None:
        return section  # which tells why
    pairs_wanted = session.scale.blocks
    with session.topic() as topic:
        folder = session.folder / "training"
        env = environ(**platform_environ(session.broker.bootstrap, topic, folder))
        frame_env = platform_environ(session.broker.bootstrap, topic, session.folder / "frame")
        with running([ours, *SIDECAR], "training-sidecar", env):
            session.say(f"training, {pairs_wanted} pairs of blocks")
            env["FRAME_BYTES"] = str(frame_bytes(ours, environ(**frame_env)))
            command = [python, "-m", "benchmarks.training.loop", _WARM_UP, pairs_wanted]
            loop = Worker(command, "training", env)
            try:
                answer = loop.reply(1200)
            finally:
                loop.close()
    section.versions["torch"] = answer["torch"]
    _tell(section, answer["pairs"], answer["batches"], answer["ns"], answer["write_ns"])
    section.figures["in_calls_percent"] = 100 * answer["in_calls"]
    return section


def _tell(
    section: Section,
    pairs: list[tuple[float, float]],
    batches: int,
    calls: list[float],
    writes: list[float],
) -> None:
    lost = [100 * (reporting / without - 1) for without, reporting in pairs]
    mean, half = trimmed_mean_with_interval(lost, _TRIM)
    batch = median([without for without, _ in pairs]) / batches
    columns = ["a batch takes", "lost, mean", "95 % interval", "lost, median", "pairs", "p10 … p90"]
    table = Table("Lost by a report after every batch", columns)
    table.rows.append(
        [
            milliseconds(batch),
            f"{mean:.2f} %",
            f"{mean - half:.2f} … {mean + half:.2f} %",
            f"{median(lost):.2f} %",
            number(len(lost)),
            f"{percentile(lost, 0.1):.1f} … {percentile(lost, 0.9):.1f} %",
        ]
    )
    section.tables.append(table)
    columns = ["", "median", "p99", "× os.write", "median, share of a batch"]
    own = Table("The calls in that loop", columns)
    middle, p99 = percentile(calls, 0.5), percentile(calls, 0.99)
    bare = percentile(writes, 0.5)
    for name, times in (("ours", calls), ("os.write", writes)):
        found = percentile(times, 0.5)
        own.rows.append(
            [
                name,
                microseconds(found),
                microseconds(percentile(times, 0.99)),
                ratio(found / bare),
                f"{100 * found / 1e9 / batch:.3f} %",
            ]
        )
    section.tables.append(own)
    section.figures |= {
        "lost_percent": mean,
        "lost_percent_lower": mean - half,
        "lost_percent_upper": mean + half,
        "batch_seconds": batch,
        "call_median_ns": middle,
        "call_p99_ns": p99,
        "write_median_ns": bare,
    }


def trimmed_mean_with_interval(values: list[float], share: float) -> tuple[float, float]:
    """Return the mean without ``share`` of the values at each end, and its interval's half width.

    Tukey and McLaughlin's: the deviation is that of the values with the ends pulled in, and is
    divided by what remains, so that leaving out does not feign certainty.
    """
    ordered = sorted(values)
    cut = int(len(ordered) * share)
    kept = ordered[cut : len(ordered) - cut]
    pulled_in = [kept[0]] * cut + kept + [kept[-1]] * cut
    _, half = mean_with_interval(pulled_in)
    return sum(kept) / len(kept), half / (1 - 2 * share)
