"""A spawned process of a training, as ``torchrun`` would start it."""

from __future__ import annotations

import dubhe_sdk
from tests.faults.algorithm import talk

if __name__ == "__main__":
    talk(dubhe_sdk.current_context())
