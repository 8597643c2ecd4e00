"""Training in one process, or in several that share the work (DistributedDataParallel).

Every rank reports: what it said before it ended is delivered before the task's END.
"""

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from images import Labelled
from network import Network, device, save
from torch import distributed, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

import dubhe_sdk


@dataclass
class Plan:
    """What to train.

    Attributes:
        images: paths of labelled images.
        classes: their names.
        output: folder for the models.
        epochs: how often to see all images.
        ranks: processes that share the work; one for each GPU as a rule.
        workers: of each rank's data loader.
        batch: images per batch and rank.
    """

    images: list[Path]
    classes: list[str]
    output: str
    epochs: int = 3
    ranks: int = 1
    workers: int = 2
    batch: int = 32


def train(plan: Plan) -> None:
    """Train, and leave a model per epoch in the output folder."""
    if plan.ranks == 1:
        learn(0, plan)
        return
    os.environ["MASTER_ADDR"] = "127.0.0.1"
    os.environ["MASTER_PORT"] = str(free_port())
    multiprocessing.spawn(rank_main, args=(plan,), nprocs=plan.ranks)


def rank_main(rank: int, plan: Plan) -> None:
    """What a spawned process runs."""
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(rank)
    else:
        torch.set_num_threads(1)
    distributed.init_process_group(backend, rank=rank, world_size=plan.ranks)
    try:
        learn(rank, plan)
    finally:
        distributed.destroy_process_group()


def learn(rank: int, plan: Plan) -> None:
    """One rank's part."""
    ctx = dubhe_sdk.current_context()  # works in every process that the task starts
    torch.manual_seed(0)
    network = Network(plan.classes).to(device())
    shared = DistributedDataParallel(network) if plan.ranks > 1 else network
    images = Labelled(plan.images, plan.classes)
    sampler = DistributedSampler(images, plan.ranks, rank, seed=0)
    loader = DataLoader(images, plan.batch, sampler=sampler, num_workers=plan.workers)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.003)
    for epoch in range(plan.epochs):
        sampler.set_epoch(epoch)
        seen, total, begun = 0, torch.zeros(()), time.monotonic()
        for number, (x, y) in enumerate(loader):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(shared(x.to(device())), y.to(device()))
            loss.backward()
            optimiser.step()
            seen, total = seen + len(x), total + loss.detach().cpu() * len(x)
            if rank == 0:  # a tensor of one element will do
                done = (epoch + (number + 1) / len(loader)) / plan.epochs
                ctx.logProgressByBatch(epoch, number, len(loader), done, {"loss": loss.detach()})
        speed = {f"images_per_second_rank{rank}": seen / (time.monotonic() - begun)}
        ctx.logProgressByEpoch(epoch, (epoch + 1) / plan.epochs, speed)
        if rank == 0:
            save(network, dubhe_sdk.model_path(plan.output, epoch, float(total / seen), ".pt"))


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
