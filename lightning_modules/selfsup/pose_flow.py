"""SelfSup's density of 2D poses: a normalising flow over their principal components."""

import math
from functools import partial

import torch
from torch import Tensor, nn
from zuko.flows import RealNVP
from zuko.transforms import MonotonicAffineTransform

# bound of a coupling's log scale, which multiplies by 1 / e to e; see PoseFlow
LOG_SCALE = 1.0
# share of the first component's standard deviation below which there is only rounding
LEAST_DEVIATION = 1e-5


class PoseFlow(nn.Module):
    """Density of 2D poses: a RealNVP flow over their whitened principal components (Eq. 1 to 3).

    Sosa & Hogg (2023), supplement, Sec. 5 and Fig. 8: affine couplings over a random permutation
    each, in the PCA subspace of a pose, trained beforehand "in line with" ElePose (Wandt et al.,
    CVPR 2022), from which the numbers are: 26 components, 8 couplings, a hidden layer of 1024.

    Three things differ from ElePose. Components are divided by their standard deviations, which
    differ fifty times from the first to the 26th; there, a learnt scale after every coupling stands
    in for that. Couplings take a random half of the components instead of turning all of them by a
    random rotation. Log scales, whose bound the supplement's equations leave out, are a / (1 + |a|)
    instead of 2 tanh(0.1 a): on generated poses both fit as well (36.5 and 36.4 nats a pose), but
    20 standard deviations off, where poses of a network at its start may be, the worst of 256 had
    2e5 nats instead of 1e10, and with zuko's own bound of 6.9 a float32 overflows.

    The random halves are drawn when the flow is made, and are in the state dict.

    Args:
        joints: J, number of joints.
        bases: number of principal components.
        blocks: number of affine couplings.
        width: hidden channels of a coupling.

    Raises:
        ValueError: fewer than two components, or more than there are coordinates.
    """

    mean: Tensor
    components: Tensor
    deviations: Tensor

    def __init__(
        self, joints: int = 17, bases: int = 26, blocks: int = 8, width: int = 1024
    ) -> None:
        super().__init__()
        if not 2 <= bases <= 2 * joints:
            raise ValueError(
                f"A 2D pose of {joints} joints cannot have {bases} principal components: choose "
                f"bases from 2 to {2 * joints}."
            )
        self.register_buffer("mean", torch.zeros(2 * joints))
        self.register_buffer("components", torch.zeros(bases, 2 * joints))
        # not a number until the bases are fitted
        self.register_buffer("deviations", torch.full((bases,), torch.nan))
        self.flow = RealNVP(
            bases,
            transforms=blocks,
            randmask=True,
            hidden_features=(width,),
            univariate=partial(MonotonicAffineTransform, slope=math.exp(-LOG_SCALE)),
        )

    @torch.no_grad()
    def fit_bases(self, poses: Tensor) -> None:
        """Find the principal components of poses (N, J, 2), in double precision.

        Raises:
            ValueError: there are too few poses, or they do not vary along as many components.
        """
        flat, bases = poses.flatten(1).double(), len(self.deviations)
        if len(flat) <= bases:
            raise ValueError(
                f"{len(flat)} poses do not have {bases} principal components: give more poses or "
                "choose fewer bases."
            )
        variances, axes = torch.linalg.eigh(torch.cov(flat.T))
        deviations = variances.flip(0)[:bases].clamp(min=0).sqrt()
        used = int((deviations > LEAST_DEVIATION * deviations[0]).sum())
        if used < bases:
            raise ValueError(
                f"The poses vary along {used} principal components and not {bases}: choose fewer "
                "bases."
            )
        self.mean.copy_(flat.mean(0))
        self.components.copy_(axes.T.flip(0)[:bases])
        self.deviations.copy_(deviations)

    def whiten(self, poses: Tensor) -> Tensor:
        """The principal components (B, bases) of poses (B, J, 2), of variance 1 where fitted."""
        return (poses.flatten(1) - self.mean) @ self.components.T / self.deviations

    def forward(self, poses: Tensor) -> Tensor:
        """The negative log likelihood (B,) of poses (B, J, 2).

        It is in nats, and that of the whitened components; in the components' own units it would be
        larger by the sum of the log deviations, a constant. Whatever of a pose lies outside its
        principal components has no influence.
        """
        return -self.flow().log_prob(self.whiten(poses))
