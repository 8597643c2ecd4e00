"""A spawned process of a training, as ``torchrun`` would start it."""

from __future__ import annotations

import dubhe_sdk
from tests.faults.algorithm import report_messages

if __name__ == "__main__":
    report_messages(dubhe_sdk.current_context())
