"""Any split of the poses over ranks gives the figures of one process."""

from datetime import timedelta
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed
from torch.multiprocessing.spawn import start_processes
from torchmetrics import MetricCollection

from metrics import AUC, MPJPE, MPJVE, NMPJPE, PAMPJPE, PCK

AVERAGES = ("frame", "action", "none")
ACTIONS = 4


def collection() -> MetricCollection:
    kinds = {"mpjpe": MPJPE, "pa_mpjpe": PAMPJPE, "nmpjpe": NMPJPE, "pck": PCK, "auc": AUC}
    groups = [[f"{name}/{each}" for each in AVERAGES] for name in kinds]
    return MetricCollection(
        {
            "mpjve": MPJVE(),
            **{
                f"{name}/{each}": kind(num_actions=ACTIONS, average=each)
                for name, kind in kinds.items()
                for each in AVERAGES
            },
        },
        compute_groups=[["mpjve"], *groups],
    )


def data(count: int) -> dict[str, Tensor]:
    """Poses whose error grows with their number, and with it the error of later ranks.

    They are of sequences of 20 frames; some next to each other fall to different ranks.
    """
    rng = torch.Generator().manual_seed(0)
    target = 400 * torch.randn(count, 17, 3, generator=rng)
    noise = torch.randn(count, 17, 3, generator=rng) * (1 + torch.arange(count))[:, None, None]
    index = torch.arange(count)
    return {
        "preds": target + noise,
        "target": target,
        "action": index % (ACTIONS - 1),
        "index": index,
        "sequence": index // 20,
    }


def measure(poses: dict[str, Tensor]) -> dict[str, Tensor]:
    metrics = collection()
    for batch in zip(*(column.split(8) for column in poses.values()), strict=True):
        metrics.update(**dict(zip(poses, batch, strict=True)))
    return metrics.compute()


def total(sizes: tuple[int | None, ...]) -> int:
    return sum(size or 0 for size in sizes)


def measure_shard(rank: int, sizes: tuple[int | None, ...], folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder / 'store'}",
        rank=rank,
        world_size=len(sizes),
        timeout=timedelta(seconds=30),
    )
    if sizes[rank] is None:
        found = collection().compute()
    else:
        start = total(sizes[:rank])
        found = measure(
            {
                name: column[start : start + sizes[rank]]
                for name, column in data(total(sizes)).items()
            }
        )
    torch.save(found, folder / f"{rank}.pt")
    distributed.destroy_process_group()


# a rank of 0 poses updates with none, a rank of None never updates
SHARDS = [
    (53,),
    (40, 13),
    (1, 52),
    (0, 1),
    (0, 0),
    (None, 2),
    (30, 22, 1),
    (18, 18, 17),
    (1, 0, 1),
    (None, 9, None),
]


@pytest.mark.parametrize("sizes", SHARDS)
def test_ranks_agree_with_one_process(sizes: tuple[int | None, ...], tmp_path: Path) -> None:
    start_processes(measure_shard, args=(sizes, tmp_path), nprocs=len(sizes), start_method="fork")
    expected = measure(data(total(sizes)))
    for rank in range(len(sizes)):
        found = torch.load(tmp_path / f"{rank}.pt")
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=0, atol=1e-9, equal_nan=True)
