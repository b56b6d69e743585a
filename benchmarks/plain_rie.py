"""A plain implementation of RIE's network: convolutions, stacks, a loop over body parts."""

import torch
from torch import Tensor, nn

from lightning_modules.layers.parts import PartActivation, PartMLP
from lightning_modules.rie.feature_fusion import FeatureFusionNetwork
from lightning_modules.rie.part_tcn import PartTCN


class PlainFusion(nn.Module):
    """A network with P-ENH and T-ENH by subtraction, centred windows and fusion, by its weights.

    Args:
        network: whose function this is.
    """

    def __init__(self, network: FeatureFusionNetwork) -> None:
        super().__init__()
        assert network.fusion is not None
        self.places = network.places
        encoders = network.encoders
        self.groups = [
            joints[: weight.shape[2]]
            for joints, weight in zip(encoders.joints, encoders.weights, strict=True)
        ]
        parts = range(len(self.groups))
        self.encoders = nn.ModuleList(_PlainTCN(encoders, part) for part in parts)
        self.whole = _plain_mlp(network.global_encoder, 0)
        self.fusion = nn.ModuleList(_plain_mlp(network.fusion, part) for part in parts)
        self.decoders = nn.ModuleList(_plain_mlp(network.decoders, part) for part in parts)

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift windows (B, T, J, 2) to joints (B, J, 3)."""
        current = keypoints.shape[1] // 2
        stacks = torch.cat(
            [keypoints, keypoints - keypoints[:, :, :1], keypoints - keypoints[:, current, None]], 3
        )
        local = [
            encoder(stacks[:, :, group].flatten(2).mT)
            for encoder, group in zip(self.encoders, self.groups, strict=True)
        ]
        whole = self.whole(keypoints[:, current].flatten(1))
        decoded = []
        for part, decoder in enumerate(self.decoders):
            others = torch.cat([each for n, each in enumerate(local) if n != part], dim=1)
            fused = self.fusion[part](others)
            decoded.append(decoder(torch.cat([local[part], fused, whole], dim=1)))
        return torch.cat(decoded, dim=1).unflatten(1, (-1, 3))[:, self.places]


class _PlainTCN(nn.Module):
    def __init__(self, encoders: PartTCN, part: int) -> None:
        super().__init__()
        first = encoders.weights[part].detach().flatten(2).permute(0, 2, 1)
        self.input = _convolution(first, encoders.input, part)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                *(
                    _convolution(_kernels(half[0].weight[part], taps), half[1], part)
                    for half, taps in zip(block, (3, 1), strict=True)
                )
            )
            for block in encoders.blocks
        )
        self.output = _linear(encoders.output, part)

    def forward(self, features: Tensor) -> Tensor:
        features = self.input(features)
        for block in self.blocks:
            features = features[:, :, 1::3] + block(features)
        return self.output(features[:, :, 0])


def _kernels(weight: Tensor, taps: int) -> Tensor:
    """(taps x in, out) to a convolution's (out, in, taps)."""
    return weight.detach().unflatten(0, (taps, -1)).permute(2, 1, 0)


def _convolution(kernels: Tensor, activation: PartActivation, part: int) -> nn.Sequential:
    width, channels, taps = kernels.shape
    convolution = nn.Conv1d(channels, width, taps, stride=taps, bias=False).to(kernels)
    convolution.weight.data.copy_(kernels)
    return nn.Sequential(convolution, *_activation(activation, part))


def _activation(activation: PartActivation, part: int) -> list[nn.Module]:
    norm = nn.BatchNorm1d(activation.weight.shape[1]).to(activation.weight)
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(norm, name).data.copy_(getattr(activation, name)[part])
    leaky = nn.LeakyReLU(activation.slope, inplace=True)
    return [norm, leaky, nn.Dropout(activation.dropout)]


def _linear(layer: nn.Module, part: int) -> nn.Linear:
    weight, bias = layer.weight[part].detach(), layer.bias[part, 0].detach()
    linear = nn.Linear(*weight.shape).to(weight)
    linear.weight.data.copy_(weight.T)
    linear.bias.data.copy_(bias)
    return linear


class _Residual(nn.Sequential):
    def forward(self, features: Tensor) -> Tensor:
        return features + super().forward(features)


def _plain_mlp(mlp: PartMLP, part: int) -> nn.Sequential:
    def layer(pair: nn.Module) -> list[nn.Module]:
        linear, activation = pair
        return [_linear(linear, part), *_activation(activation, part)]

    output = nn.Linear(mlp.outputs[part].in_features, mlp.outputs[part].out_features)
    output.to(mlp.outputs[part].weight).load_state_dict(mlp.outputs[part].state_dict())
    blocks = [_Residual(*layer(block[0]), *layer(block[1])) for block in mlp.blocks]
    return nn.Sequential(*layer(mlp.input), *blocks, output)
