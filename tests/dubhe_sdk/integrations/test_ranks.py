"""A process's place in PyTorch's group."""

from __future__ import annotations

import subprocess
import sys

from dubhe_sdk.integrations.ranks import torch_rank
from tests.examples.torch_environment import torch_python
from tests.integrations.support import marks

GROUP = """
import torch
from dubhe_sdk.integrations.ranks import torch_rank
assert torch_rank() is None
store = torch.distributed.HashStore()
torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
print(torch_rank())
torch.distributed.destroy_process_group()
"""


def test_without_pytorch() -> None:
    assert "torch" not in sys.modules
    assert torch_rank() is None


class TestOfPyTorch:
    pytestmark = marks

    def test_a_group(self) -> None:
        done = subprocess.run(
            [torch_python(), "-c", GROUP], capture_output=True, text=True, timeout=300, check=True
        )
        assert done.stdout == "(0, 1)\n"
