"""The one object through which attacks, training and gates see a classifier."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pipeline.errors import BadClassifier
from pipeline.models.resize import LUMA, resize_matrix
from pipeline.models.spec import ClassifierSpec

# The smallest probability that keeps a finite logarithm and gradient in float32.
_LEAST_PROBABILITY = 1e-12


class PixelModel(nn.Module):
    """A classifier of pixels: (N, C, H, W) in [0, 1], of any size, grey or RGB, to logits (N, K).

    It owns channels, resize, normalisation and the meaning of the network's output. Everything
    is differentiable down to the given pixels, so that an attack works on the file's own lattice.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        spec: ClassifierSpec,
        network: nn.Module,
        *,
        head_name: str = "head",
        stage_names: tuple[str, ...] = (),
    ) -> None:
        """Wrap a network.

        Args:
            spec: what the network takes and gives.
            network: its children before `head_name`, applied in order and flattened, give the
                features (N, D); only `features_and_logits` needs that.
            head_name: the child that makes the outputs from the features.
            stage_names: modules of the network, such as "layer1", that `layers_and_logits` looks at.
        """
        super().__init__()
        self.spec = spec
        self.network = network
        self.head_name = head_name
        self.stage_names = stage_names
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, -1, 1, 1), persistent=False)

    def pixels(self, x: Tensor) -> Tensor:
        """The pixels as the classifier sees them before normalisation: (N, channels, height, width)."""
        if x.shape[1] == 3 and self.spec.channels == 1:
            x = LUMA[0] * x[:, 0:1] + LUMA[1] * x[:, 1:2] + LUMA[2] * x[:, 2:3]
        elif x.shape[1] == 1 and self.spec.channels == 3:
            x = x.expand(-1, 3, -1, -1)
        if x.shape[2] != self.spec.height:
            x = _weights(x.shape[2], self.spec.height, x) @ x
        if x.shape[3] != self.spec.width:
            x = x @ _weights(x.shape[3], self.spec.width, x).T
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, K) of pixels (N, C, H, W) in [0, 1]; their softmax is the classifier's probability."""
        return self._logits(self.network(self._normalised(self.pixels(x))))

    def features_and_logits(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The penultimate vector (N, D) and the logits (N, K), of what `pixels` gave."""
        inputs = self._normalised(pixels)
        for name, child in self.network.named_children():
            if name == self.head_name:
                features = inputs.flatten(1)
                return features, self._logits(child(features))
            inputs = child(inputs)
        raise BadClassifier(f"the network has no part {self.head_name!r}; name the part that follows the features")

    def layers_and_logits(self, pixels: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """The mean (N, D) over each map of every stage, the penultimate vector last, and the logits (N, K).

        One pass, for one thread at a time: another thread's pass meanwhile would be taken for this one's.

        Raises:
            BadClassifier: the network has no module of a stage's name, or does not come by it.
        """
        with self._watched() as seen:
            features, logits = self.features_and_logits(pixels)
        if missed := [name for name in self.stage_names if name not in seen]:
            raise BadClassifier(f"the network did not come by its stages {', '.join(missed)}; name others")
        return (*(seen[name].flatten(2).mean(2) for name in self.stage_names), features), logits

    @contextmanager
    def _watched(self) -> Iterator[dict[str, Tensor]]:
        """What the stages give inside the block, by name; afterwards nobody watches, also when the block raised."""
        seen: dict[str, Tensor] = {}

        def keep(name: str) -> Callable[[nn.Module, object, Tensor], None]:
            return lambda module, inputs, outputs: seen.__setitem__(name, outputs)

        watchers = []
        try:
            for name in self.stage_names:
                try:
                    stage = self.network.get_submodule(name)
                except AttributeError as e:
                    raise BadClassifier(f"the network has no stage {name!r}; name one of its modules") from e
                watchers.append(stage.register_forward_hook(keep(name)))
            yield seen
        finally:
            for watcher in watchers:
                watcher.remove()

    @contextmanager
    def frozen(self, *, channels_last: bool = False) -> Iterator["PixelModel"]:
        """Evaluation mode without parameter gradients, inside the block.

        Afterwards, also when the block raised, every module has its own mode and every
        parameter its `requires_grad`, its `.grad` and its memory again.

        Args:
            channels_last: lay out the weights of convolutions for the fastest gradients, which is
                worth the copy for more than a few of them.
        """
        modes = [(module, module.training) for module in self.modules()]
        states = [(own, own.requires_grad, own.grad, own.data) for own in self.parameters()]
        try:
            self.eval()
            for parameter, _, _, weights in states:
                parameter.requires_grad_(False)
                # Taken off, not only kept: a block that zeroes gradients in place must not reach it.
                parameter.grad = None
                if channels_last and weights.ndim == 4:
                    parameter.data = weights.contiguous(memory_format=torch.channels_last)
            yield self
        finally:
            for module, training in modes:
                module.training = training
            for parameter, requires_grad, grad, weights in states:
                parameter.data = weights
                parameter.requires_grad_(requires_grad)
                parameter.grad = grad

    def _normalised(self, pixels: Tensor) -> Tensor:
        # The division needs no memory of its own; a new block for each step costs more than the arithmetic.
        return (pixels - self.mean).div_(self.std)

    def _logits(self, outputs: Tensor) -> Tensor:
        if self.spec.head == "probabilities":
            return outputs.clamp_min(_LEAST_PROBABILITY).log()
        if self.spec.head == "sigmoid":
            # Half each way: the softmax of both is the sigmoid of the one.
            return torch.cat([-0.5 * outputs, 0.5 * outputs], dim=1)
        return outputs


def _weights(n_in: int, n_out: int, like: Tensor) -> Tensor:
    return torch.tensor(resize_matrix(n_in, n_out), dtype=like.dtype, device=like.device)
