"""Switchable normalisation (Luo et al. 2018)."""

import torch
from torch import nn

__all__ = ["SwitchNorm2d"]


class SwitchNorm2d(nn.Module):
    """
    Normalisation by a learned mixture of the statistics of instance, layer and batch.

    The mean is ``sum_k w_k mean_k`` and the variance ``sum_k v_k var_k`` over the three kinds ``k``, with ``w`` and
    ``v`` the softmax of three learned parameters each (equations 3 and 5 of the paper). The result is scaled and offset
    per channel. In evaluation the batch statistics are running averages, as in `torch.nn.BatchNorm2d`; the instance and
    layer statistics are always those of the image itself.

    Parameters
    ----------
    channels : `int`
        Channels of the input.
    eps : `float`
        Added to the variance.
    momentum : `float`
        Weight of the latest batch in the running averages.

    Notes
    -----
    Input and output ``(batch, channels, ny, nx)``. Variances are biased (divided by the number of values), so that an
    image of one pixel, whose instance variance vanishes, is still normalised by its layer. Statistics are computed in
    single precision at least, whatever the type of the input.

    References
    ----------
    * Luo et al. 2018, https://arxiv.org/abs/1806.10779

    Examples
    --------
    >>> import torch
    >>> from sunpy_restore.networks.papers.switchnorm import SwitchNorm2d
    >>> norm = SwitchNorm2d(4)
    >>> norm(torch.rand(2, 4, 8, 8)).shape
    torch.Size([2, 4, 8, 8])
    >>> torch.softmax(norm.mean_weight, 0).tolist()
    [0.3333333, 0.3333333, 0.3333333]
    """

    def __init__(self, channels, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        # In the order instance, layer, batch
        self.mean_weight = nn.Parameter(torch.ones(3))
        self.var_weight = nn.Parameter(torch.ones(3))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, features):
        values = features if features.dtype == torch.float64 else features.float()
        instance_var, instance_mean = torch.var_mean(values, dim=(2, 3), correction=0, keepdim=True)
        # Total variance of layer and batch: the mean of the variances plus the variance of the means
        layer_var, layer_mean = _pooled(instance_var, instance_mean, dim=1)
        if self.training:
            batch_var, batch_mean = _pooled(instance_var, instance_mean, dim=0)
            self._track(batch_var, batch_mean, features.numel() // features.shape[1])
        else:
            batch_var, batch_mean = (running[None, :, None, None] for running in (self.running_var, self.running_mean))
        mean = _mixture(self.mean_weight, instance_mean, layer_mean, batch_mean)
        var = _mixture(self.var_weight, instance_var, layer_var, batch_var)
        scale = self.weight[None, :, None, None] * torch.rsqrt(var + self.eps)
        offset = self.bias[None, :, None, None] - mean * scale
        return torch.addcmul(offset, values, scale).to(features.dtype)

    @torch.no_grad()
    def _track(self, var, mean, count):
        # As torch.nn.BatchNorm2d, which tracks the unbiased variance
        unbiased = var.flatten() * (count / max(count - 1, 1))
        self.running_mean.lerp_(mean.flatten().to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)


def _pooled(var, mean, dim):
    var_of_means, mean_of_means = torch.var_mean(mean, dim=dim, correction=0, keepdim=True)
    return var.mean(dim=dim, keepdim=True) + var_of_means, mean_of_means


def _mixture(weight, *statistics):
    return sum(share * statistic for share, statistic in zip(torch.softmax(weight, 0), statistics, strict=True))
