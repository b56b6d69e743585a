"""Martinez's baseline."""

import torch

from lightning_modules import FCBaseline


def test_it_learns_to_repeat_a_batch():
    torch.manual_seed(0)
    model = FCBaseline(width=128, dropout=0.0)
    keypoints, joints = torch.randn(32, 1, 17, 2), 0.3 * torch.randn(32, 17, 3)
    optimizer = model.configure_optimizers()["optimizer"]
    losses = []
    for _ in range(60):
        loss = model.loss(model(keypoints), joints)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
