"""The section ``frameworks``."""

from __future__ import annotations

from benchmarks.frameworks.turns import BARE, OURS, PEERS
from benchmarks.processes import ContestantFailed, environ
from benchmarks.reporting.contestants import CONTESTANTS
from benchmarks.results import Section, Table
from benchmarks.session import INSTANCE, Session
from benchmarks.stats import percentile
from benchmarks.units import microseconds, milliseconds, ratio
from benchmarks.worker import Worker
from tests.examples.torch_environment import PACKAGES
from tests.integrations.environments import python_with

TITLES = {
    "plain": "A loop of PyTorch's",
    "lightning": "Lightning",
    "ultralytics": "Ultralytics",
}

METHOD = """\
One training in one process and one thread; after each batch one contestant reports, and in each
round of batches every contestant does so once, in an order that is drawn by lot. So all meet the
same caches and the same machine. Ours is the whole callback of the integration, with everything
that it reports of a batch, in the plain loop `logProgressByBatch`; the peers report one number.
What is timed is the call (`perf_counter_ns`): what threads and processes of a contestant do
meanwhile is not in it. `share` is the median of the calls over the median of a batch without them.
Nothing is delivered meanwhile: the section `training` measures that. Five rounds warm up."""


def measure(session: Session) -> Section:
    """Measure the share of each contestant in each framework."""
    section = Section("frameworks", "Reporting each batch inside the frameworks", METHOD)
    session.say("environment of the frameworks and the peers")
    peers = [peer for peer in CONTESTANTS if peer.module in PEERS.values()]
    packages = tuple(dict.fromkeys(package for peer in peers for package in peer.packages))
    python = python_with("peers", packages, torch=PACKAGES)
    for package in (*PACKAGES, *packages):
        name, _, version = package.partition("==")
        if version:
            section.versions[name] = version
    for framework, title in TITLES.items():
        session.say(f"{framework}, {session.scale.framework_rounds} rounds")
        folder = session.folder / "frameworks" / framework
        folder.mkdir(parents=True)
        env = environ(
            INSTANCE_ID=INSTANCE,
            DUBHE_TEMPORARY=str(folder / "temporary"),
            YOLO_CONFIG_DIR=str(folder),
            YOLO_OFFLINE="true",
            OMP_NUM_THREADS="1",
            FRAME_BYTES="260",  # as many as a frame with one metric has
        )
        command = [python, "-m", "benchmarks.frameworks.loop", framework, folder]
        loop = Worker([*command, session.scale.framework_rounds], f"frameworks-{framework}", env)
        try:
            answer = loop.reply(900)
        except ContestantFailed as error:
            section.failures[framework] = str(error)
            continue
        finally:
            loop.close()
        _tell(section, framework, title, answer["batch_ns"], answer["calls_ns"])
    return section


def _tell(
    section: Section,
    framework: str,
    title: str,
    batches: list[float],
    calls: dict[str, list[float]],
) -> None:
    batch = percentile(batches, 0.5)
    medians = {name: percentile(calls[name], 0.5) for name in (BARE, OURS, *PEERS)}
    columns = ["", "median", "p90", "share of a batch", "× ours"]
    table = Table(f"{title}: a batch takes {milliseconds(batch / 1e9)}", columns)
    for name, median in medians.items():
        table.rows.append(
            [
                name,
                microseconds(median),
                microseconds(percentile(calls[name], 0.9)),
                f"{100 * median / batch:.2f} %",
                ratio(median / medians[OURS]),
            ]
        )
        section.figures[f"{framework}/{name}/median_ns"] = median
        section.figures[f"{framework}/{name}/share_percent"] = 100 * median / batch
    fastest = min(median for name, median in medians.items() if name not in (OURS, BARE))
    section.figures[f"{framework}/fastest_peer_ratio"] = fastest / medians[OURS]
    section.tables.append(table)
