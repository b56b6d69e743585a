"""The Unpaired Protocol: who stands in the prior, and what its batches hold."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from datamodules import DataError, PoseNpz, SyntheticImages, UnpairedProtocol
from datamodules.loading.pictures import crops_around
from datamodules.sources.human36m.source import Human36M
from tests.datamodules.conftest import model_of

PARTNER = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13]


@pytest.fixture
def source(human36m_files):
    return Human36M(human36m_files.write())


def ready(protocol, training=True, image_size=0):
    model = model_of(image_size=image_size, trains_on_images=True)
    protocol.trainer = SimpleNamespace(lightning_module=model, training=training)
    protocol.setup("fit" if training else "test")
    return protocol


def batches(protocol, loader):
    return [protocol.on_after_batch_transfer(batch, 0) for batch in loader]


def subjects_at(protocol, frames):
    held = protocol.sequences
    return {s.subject for s in held.segments for f in frames if s.start <= f < s.stop}


def test_nobody_stands_in_both(source):
    protocol = ready(UnpairedProtocol(source))
    parts = {name: subjects_at(protocol, frames) for name, frames in protocol.frames.items()}
    assert parts == {
        "train": {"S1", "S6", "S8"},
        "prior": {"S5", "S7"},
        "val": set(),
        "test": {"S9", "S11"},
    }


def test_the_prior_is_drawn_from_its_own_people_plain_and_mirrored(source):
    protocol = ready(UnpairedProtocol(source, prior_subjects=["S7"], batch_size=16))
    held = protocol.sequences.keypoints[protocol.frames["prior"]]
    mirrored = held[:, PARTNER] * np.float32([-1, 1])
    drawn = torch.cat(
        [b["prior_keypoints"] for b in batches(protocol, protocol.train_dataloader())]
    ).numpy()
    from_plain = (np.abs(drawn[:, None] - held).max((2, 3)) == 0).any(1)
    from_mirrored = (np.abs(drawn[:, None] - mirrored).max((2, 3)) == 0).any(1)
    assert (from_plain ^ from_mirrored).all()
    assert 0.3 < from_plain.mean() < 0.7
    assert len(np.unique(drawn[:, 1, 0])) > 0.5 * min(len(held), len(drawn))


def test_draws_follow_the_random_state(source):
    protocol = ready(UnpairedProtocol(source, batch_size=16))
    first, again = (
        (torch.manual_seed(3), batches(protocol, protocol.train_dataloader()))[1] for _ in range(2)
    )
    for one, two in zip(first, again, strict=True):
        assert torch.equal(one["prior_keypoints"], two["prior_keypoints"])
    assert not torch.equal(first[0]["prior_keypoints"], first[1]["prior_keypoints"])


def test_crops_of_the_prior_follow_its_poses(pose_npz_files):
    source = SyntheticImages(PoseNpz(pose_npz_files.write(), "own"), stride=2)
    protocol = ready(UnpairedProtocol(source, batch_size=8), image_size=16)
    for batch in batches(protocol, protocol.train_dataloader()):
        expected = crops_around(batch["prior_keypoints"].numpy())
        np.testing.assert_allclose(batch["prior_crop"].numpy(), expected, atol=1e-6)


def test_other_poses_of_a_test_are_others_always_the_same(source):
    protocol = ready(UnpairedProtocol(source, eval_batch_size=7), training=False)
    first, again = (batches(protocol, protocol.test_dataloader()) for _ in range(2))
    joints, others = (torch.cat([b[name] for b in first]) for name in ("joints", "other_joints"))
    assert torch.equal(others, torch.cat([b["other_joints"] for b in again]))
    assert (joints - others).flatten(1).abs().amax(1).min() > 0
    # every pose is somebody's other, once
    rows = [sorted(map(tuple, p.flatten(1).tolist())) for p in (joints, others)]
    assert rows[0] == rows[1]
    frames = torch.cat([b["index"] for b in first])
    keypoints = torch.from_numpy(protocol.sequences.keypoints)[frames]
    held = torch.cat([b["other_keypoints"] for b in first])
    for row in range(0, len(frames), 5):
        (match,) = (joints == others[row]).flatten(1).all(1).nonzero(as_tuple=True)
        assert torch.equal(held[row], keypoints[match[0]])


@pytest.mark.parametrize("prior", [["S9"], ["S1", "S5", "S6", "S7", "S8"], ["S99"], []])
def test_a_prior_that_cannot_be_had(source, prior):
    with pytest.raises(DataError, match="prior_subjects"):
        ready(UnpairedProtocol(source, prior_subjects=prior))


def test_references_are_others_of_the_same_sequence(pose_npz_files):
    source = SyntheticImages(PoseNpz(pose_npz_files.write(), "own"), stride=2)
    protocol = UnpairedProtocol(source, batch_size=8)
    model = model_of(image_size=16, trains_on_images=True, trains_on_references=True)
    protocol.trainer = SimpleNamespace(lightning_module=model, training=True)
    protocol.setup("fit")
    images, segments = protocol.sequences.images, protocol.sequences.segments
    loader = protocol.train_dataloader()
    first = next(iter(loader))["pairs"]
    assert torch.equal(next(iter(loader))["pairs"], first)
    for held, batch in zip(loader, batches(protocol, loader), strict=True):
        rows, others = held["pairs"].chunk(2)
        assert torch.equal(rows[:, 1], others[:, 1])
        assert (rows[:, 0] != others[:, 0]).all()
        for row, (frame, other) in enumerate(zip(rows[:, 0], others[:, 0], strict=True)):
            assert any(s.start <= frame < s.stop and s.start <= other < s.stop for s in segments)
            picture = images.read(other[None].numpy(), 16)[0] / 255
            picture = picture[:, ::-1] if others[row, 1] else picture
            np.testing.assert_allclose(batch["reference"][row].permute(1, 2, 0), picture, atol=1e-6)
        assert {len(column) for column in batch.values()} == {len(rows)}
    loader.sampler.set_epoch(1)
    again = next(iter(loader))["pairs"]
    assert again.shape == first.shape
    assert not torch.equal(again, first)
