"""An algorithm in platform mode, its messages in a real Kafka."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.dubhe_sdk.service.harness import TRAIN_ID, App
from tests.kafka.broker import Broker
from tests.kafka.reader import Message, read_topic

STATUS = "alg_model_progress"
RESULT = "als_model_result"

# Trains for as many batches as the request's algorithm_id says; the folder's file "pace" holds
# seconds between two.
TRAINING = """
import time
from pathlib import Path
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        count = int(ctx.get(dubhe_sdk.ContextKey.KEY_ALGORITHM_ID))
        pace = float(Path("pace").read_text())
        for index in range(count):
            ctx.logProgressByBatch(0, index, count, index / count, {"index": index})
            if index % 10 == 0:
                ctx.logResultDetails(f"{index}.png", "a", "b", 0.5)
            time.sleep(pace)
"""


class Delivered:
    """What a plain consumer sees of one instance."""

    def __init__(self, bootstrap: str, instance_id: str = TRAIN_ID) -> None:
        self.status, self.results = (
            [m for m in read_topic(bootstrap, topic) if m.key == instance_id.encode()]
            for topic in (STATUS, RESULT)
        )

    @property
    def actions(self) -> list[str]:
        """READY, START, END with their statuses, in order."""
        datas = [value(m)["data"] for m in self.status]
        return [f"{d['action']} {d['status']}" for d in datas if "action" in d]

    @property
    def indices(self) -> list[int]:
        """The metric of each progress message, in order."""
        return [value(m)["data"]["index"] for m in self.status if value(m)["mes_type"] == 2]

    @property
    def repeated(self) -> list[tuple[Any, Any]]:
        """Writer and number of every record that is there more than once."""
        every = self.status + self.results
        count = Counter((m.header("dubhe-writer"), m.header("dubhe-seq")) for m in every)
        return [identity for identity, times in count.items() if times > 1]


def value(message: Message) -> dict[str, Any]:
    assert message.value is not None
    parsed: dict[str, Any] = json.loads(message.value)
    return parsed


Start = Callable[..., App]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Start]:
    """Prepare an algorithm of the platform's; the test starts it."""
    with ExitStack() as stack:

        def prepare(broker: Broker, *, pace: float = 0.0, **env: str) -> App:
            more = {
                "PLATFORM_TYPE": "1",
                "BOOTSTRAP_SERVERS": broker.bootstrap,
                "TOPIC_MODEL_STATUS": STATUS,
                "TOPIC_MODEL_RESULT": RESULT,
                **env,
            }
            app = App(tmp_path / "app", TRAINING, TRAIN_ID, "tcp", more)
            app.write("pace", str(pace))
            return stack.enter_context(app)

        yield prepare
