r"""The gradient of a residual network by hand, with the derivative of that gradient, also by hand.

Blocks z_{k+1} = z_k + silu(a_k), a_k = W_k z_k + b_k, k < B, end in the number w·z_B. Its gradient by z_0 is g_0 of

    g_B = w    h_k = g_{k+1} ⊙ silu'(a_k)    g_k = g_{k+1} + W_kᵀ h_k

Score matching trains that gradient, so its derivative by all weights is needed: the double backward of autograd, which
records every one of these lines and those that differentiate them. Written down, it is two loops of three matrix
products a block, in memory that the next step uses again: pages of fresh memory would cost a third of the arithmetic.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from neyman.core.errors import InputError

_KEPT = 6  # arrays a block: z, gate, up, slope, g, h


class Workspaces:
    """Memory for one forward and backward pass, kept for the next of the same shape."""

    def __init__(self) -> None:
        self._free: dict[tuple[int, ...], list[Tensor]] = {}

    def __deepcopy__(self, memo: object) -> Workspaces:
        """A copy of a network has memory of its own, once it needs some."""
        return Workspaces()

    def take(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """An array that nobody else is using, with anything in it."""
        free = self._free.get(shape)
        return free.pop() if free else torch.empty(shape, dtype=like.dtype, device=like.device)

    def give_back(self, workspace: Tensor) -> None:
        """The array may be used again. One that is not given back is lost to the pool, which does no harm."""
        self._free.setdefault(tuple(workspace.shape), []).append(workspace)


def residual_gradient(
    z: Float[Tensor, "n w"],
    output: Float[Tensor, "1 w"],
    weights: list[Float[Tensor, "w w"]],
    biases: list[Float[Tensor, " w"]],
    workspaces: Workspaces,
) -> Float[Tensor, "n w"]:
    """∂(output · z_B)/∂z_0 of each row; it can be differentiated once, by everything.

    Args:
        z: Inputs of the first block, z_0.
        output: Weights of the last layer, w.
        weights: W of each block.
        biases: b of each block.
        workspaces: Memory from the step before.
    """
    apply: Any = _ResidualGradient.apply
    found: Tensor = apply(workspaces, z, output, *weights, *biases)
    return found


class _ResidualGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, workspaces: Workspaces, z: Tensor, output: Tensor, *layers: Tensor) -> Tensor:  # noqa: ANN401
        blocks = len(layers) // 2
        weights, biases = layers[:blocks], layers[blocks:]
        workspace = workspaces.take((_KEPT, blocks, *z.shape), z)
        zs, gates, ups, slopes, gs, hs = (part.unbind(0) for part in workspace.unbind(0))
        zs[0].copy_(z)
        for k in range(blocks):
            torch.addmm(biases[k], zs[k], weights[k].t(), out=ups[k])
            torch.sigmoid(ups[k], out=gates[k])
            ups[k].mul_(gates[k])  # silu = a s
            torch.add(gates[k], ups[k], out=slopes[k]).addcmul_(gates[k], ups[k], value=-1)  # silu' = s + a s (1 − s)
            if k + 1 < blocks:
                torch.add(zs[k], ups[k], out=zs[k + 1])
        found = torch.empty_like(z)
        gs[-1].copy_(output.expand_as(z))
        for k in reversed(range(blocks)):
            torch.mul(gs[k], slopes[k], out=hs[k])
            torch.addmm(gs[k], hs[k], weights[k], out=gs[k - 1] if k else found)
        ctx.save_for_backward(*weights)
        ctx.workspace, ctx.workspaces = workspace, workspaces
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, found_bar: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """With a bar over what the loss has been differentiated by; workspaces are overwritten on the way."""
        weights: tuple[Tensor, ...] = ctx.saved_tensors
        workspace, ctx.workspace = ctx.workspace, None
        if workspace is None:
            raise InputError(
                "the gradient of a residual network, differentiated a second time",
                expected="once: its memory is used again",
            )
        zs, gates, ups, slopes, gs, hs = (part.unbind(0) for part in workspace.unbind(0))
        blocks = range(len(weights))
        weights_bar, biases_bar = [], []
        g_bar = found_bar.clone()
        for k in blocks:  # back through g_0, g_1, ...
            weights_bar.append(hs[k].t() @ g_bar)
            h_bar = torch.mm(g_bar, weights[k].t(), out=hs[k])
            g_bar.addcmul_(h_bar, slopes[k])
            curvature = ups[k].sub_(slopes[k], alpha=2).mul_(gates[k].sub_(1))  # silu'' = (1 − s)(2 silu' − silu)
            curvature.mul_(h_bar).mul_(gs[k])  # from here on ups[k] is a_bar, as far as it comes by the slope
        output_bar = g_bar.sum(dim=0, keepdim=True)
        z_bar = g_bar.zero_()
        for k in reversed(blocks):  # back through z_B, z_{B-1}, ...
            a_bar = ups[k].addcmul_(z_bar, slopes[k])
            weights_bar[k].addmm_(a_bar.t(), zs[k])
            biases_bar.append(a_bar.sum(dim=0))
            z_bar.addmm_(a_bar, weights[k])
        ctx.workspaces.give_back(workspace)
        return None, z_bar, output_bar, *weights_bar, *reversed(biases_bar)
