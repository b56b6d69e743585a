"""Batches with images: what stands in them, who reads them, and what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.distributed as dist

from datamodules import (
    MPII,
    CrossDatasetProtocol,
    DataError,
    PoseNpz,
    SubjectProtocol,
    SyntheticImages,
)
from datamodules.batch import DataNeeds
from tests.datamodules.conftest import model_of
from tests.datamodules.image_writers import write_mpii

SIZE = 32
PARTNER = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13]


@pytest.fixture
def source(pose_npz_files):
    return SyntheticImages(PoseNpz(pose_npz_files.write(), "own"), stride=6)


def ready(protocol, stage="fit", **needs):
    model = model_of(**{"image_size": SIZE, "trains_on_images": True} | needs)
    protocol.trainer = SimpleNamespace(lightning_module=model)
    protocol.setup(stage)
    return protocol


def batches_of(protocol, loader):
    return [protocol.on_after_batch_transfer(batch, 0) for batch in loader]


def test_columns_of_a_batch(source):
    protocol = ready(SubjectProtocol(source, batch_size=10))
    batch = batches_of(protocol, protocol.train_dataloader())[0]
    assert {name: tuple(column.shape) for name, column in batch.items()} == {
        "keypoints": (10, 1, 17, 2),
        "joints": (10, 17, 3),
        **dict.fromkeys(("index", "flipped", "action", "sequence"), (10,)),
        "image": (10, 3, SIZE, SIZE),
        "crop": (10, 3),
        "visible": (10, 17),
    }
    assert batch["image"].dtype == batch["crop"].dtype == batch["visible"].dtype == torch.float32
    assert batch["image"].min() >= 0
    assert 0.5 < batch["image"].max() <= 1
    assert batch["visible"].all()


def test_a_mirrored_image_goes_with_mirrored_keypoints(source):
    protocol = ready(SubjectProtocol(source, batch_size=16))
    held, images = protocol.sequences, protocol.sequences.images
    rows = 0
    for pairs, batch in zip(
        protocol.train_dataloader(),
        batches_of(protocol, protocol.train_dataloader()),
        strict=True,
    ):
        for row, (frame, flipped) in enumerate(pairs["pairs"].tolist()):
            image = images.read(np.array([frame]), SIZE)[0] / 255
            crop = images.crops[frame]
            uv = (held.keypoints[frame] - crop[:2]) / crop[2] + 0.5
            if flipped:
                image, uv = image[:, ::-1], uv[PARTNER] * [-1, 1] + [1, 0]
            np.testing.assert_allclose(batch["image"][row].permute(1, 2, 0), image, atol=1e-6)
            got = (batch["keypoints"][row, 0] - batch["crop"][row, :2]) / batch["crop"][row, 2]
            np.testing.assert_allclose(got + 0.5, uv, atol=1e-4)
            rows += flipped
    assert rows > 10


def test_keypoints_that_are_not_known_are_not_visible(tmp_path):
    write_mpii(tmp_path)
    protocol = ready(SubjectProtocol(MPII(str(tmp_path)), batch_size=2), trains_on_joints=False)
    known = protocol.sequences.keypoints[..., 2]
    assert 0 < known.mean() < 1
    loader = protocol.train_dataloader()
    for pairs, batch in zip(loader, batches_of(protocol, loader), strict=True):
        for row, (frame, flipped) in enumerate(pairs["pairs"].tolist()):
            expected = known[frame][PARTNER] if flipped else known[frame]
            np.testing.assert_array_equal(batch["visible"][row], expected)


def test_any_number_of_workers_gives_the_same_batches(source):
    read = []
    for workers in (0, 2):
        protocol = ready(SubjectProtocol(source, batch_size=12, workers=workers))
        loader = protocol.train_dataloader()
        epochs = []
        for epoch in range(2):
            loader.sampler.set_epoch(epoch)
            epochs += batches_of(protocol, loader)
        read.append(epochs + batches_of(protocol, protocol.test_dataloader()))
    assert len(read[0]) == len(read[1]) > 5
    for alone, shared in zip(*read, strict=True):
        assert alone.keys() == shared.keys()
        assert all(torch.equal(alone[name], shared[name]) for name in alone)


def test_reading_draws_nothing_from_the_global_stream(source):
    torch.manual_seed(0)
    expected = torch.rand(3)
    protocol = ready(SubjectProtocol(source, workers=1))
    torch.manual_seed(0)
    next(iter(protocol.train_dataloader()))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_cannot_be_read_is_one_sentence(tmp_path, workers):
    write_mpii(tmp_path)
    protocol = SubjectProtocol(MPII(str(tmp_path)), batch_size=2, workers=workers)
    ready(protocol, trains_on_joints=False)
    path = tmp_path / "images/000000002.jpg"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError) as error:
        batches_of(protocol, protocol.train_dataloader())
    assert str(error.value) == f"{path} is cut short: copy or extract it again."
    with pytest.raises(DataError, match="cut short"):
        list(protocol.image_frames(protocol.frames["train"], 1))


def test_images_are_read_where_they_are_taken(source):
    plain = ready(SubjectProtocol(source), image_size=0)
    assert not isinstance(next(iter(plain.train_dataloader())), dict)
    assert "image" not in batches_of(plain, plain.test_dataloader())[0]
    tested = ready(SubjectProtocol(source), trains_on_images=False)
    assert not isinstance(next(iter(tested.train_dataloader())), dict)
    assert "image" in batches_of(tested, tested.test_dataloader())[0]


def test_frames_in_their_order(source):
    protocol = ready(SubjectProtocol(source, workers=1))
    frames = np.array([30, 2, 7, 7, 11])
    batches = list(protocol.image_frames(frames, 2))
    assert [len(batch["index"]) for batch in batches] == [2, 2, 1]
    joined = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
    assert joined["index"].tolist() == frames.tolist()
    expected = protocol.sequences.images.read(frames, SIZE)
    np.testing.assert_array_equal((joined["image"] * 255).round().permute(0, 2, 3, 1), expected)
    np.testing.assert_array_equal(joined["crop"], protocol.sequences.images.crops[frames])
    np.testing.assert_array_equal(joined["keypoints"][:, 0], protocol.sequences.keypoints[frames])


def test_ranks_without_frames_evaluate_empty_batches(source, monkeypatch):
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    protocol = ready(SubjectProtocol(source, eval_batch_size=1000), "test")
    (batch,) = batches_of(protocol, protocol.test_dataloader())
    assert batch["image"].shape == (0, 3, SIZE, SIZE)
    assert batch["visible"].shape == (0, 17)


def test_a_source_without_images_is_refused(source, pose_npz_files):
    motion = PoseNpz(str(pose_npz_files.folder), "own")
    with pytest.raises(DataError, match=r"own \(PoseNpz\) has no images: take data from Synth"):
        SubjectProtocol(motion).load("test", DataNeeds(image_size=SIZE))
    with pytest.raises(DataError, match="has no images"):
        both = CrossDatasetProtocol(source, motion)
        both.load("fit", DataNeeds(image_size=SIZE))
