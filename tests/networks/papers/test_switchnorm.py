"""Switchable normalisation, compared with the normalisations of PyTorch."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sunpy_restore.networks.papers.switchnorm import SwitchNorm2d

SHAPE = (3, 4, 6, 5)
KINDS = {
    "instance": (0, nn.InstanceNorm2d(4, affine=True)),
    "layer": (1, nn.GroupNorm(1, 4)),
    "batch": (2, nn.BatchNorm2d(4)),
}


def features(seed=0, shape=SHAPE, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    scale = 0.2 + 3 * torch.rand(*shape[:2], 1, 1, generator=generator, dtype=dtype)
    return scale * (torch.randn(shape, generator=generator, dtype=dtype) + 2)


def switched(kind, channels=4):
    """A normalisation that uses the statistics of one kind only."""
    norm = SwitchNorm2d(channels).double()
    with torch.no_grad():
        for weight in (norm.mean_weight, norm.var_weight):
            weight.fill_(-100)
            weight[KINDS[kind][0]] = 100
    return norm


def disturbed(*norms):
    """The normalisations, with the same random scale and offset."""
    generator = torch.Generator().manual_seed(5)
    values = [torch.randn(4, generator=generator, dtype=torch.float64) for _ in range(2)]
    with torch.no_grad():
        for norm in norms:
            norm.double().weight.copy_(values[0])
            norm.bias.copy_(values[1])
    return norms


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000))
def test_single_statistics_are_the_normalisations_of_pytorch(kind, seed):
    norm, known = disturbed(switched(kind), KINDS[kind][1])
    norm.train()
    known.train()
    x, y = features(seed).requires_grad_(), features(seed).requires_grad_()
    result, expected = norm(x), known(y)
    torch.testing.assert_close(result, expected)
    weight = features(seed + 1)
    (result * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(x.grad, y.grad)


def test_running_statistics_equal_those_of_batch_norm():
    norm, known = switched("batch"), nn.BatchNorm2d(4).double()
    for seed in range(5):
        norm(features(seed))
        known(features(seed))
    torch.testing.assert_close(norm.running_mean, known.running_mean)
    torch.testing.assert_close(norm.running_var, known.running_var)
    torch.testing.assert_close(norm.eval()(features(9)), known.eval()(features(9)))


def test_evaluation_does_not_depend_on_other_images_or_change_the_state():
    norm = SwitchNorm2d(4).double()
    norm(features())
    norm.eval()
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    x = features(1)
    torch.testing.assert_close(torch.cat([norm(image[None]) for image in x]), norm(x))
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


def test_mean_and_variance_have_separate_weights():
    """Mean of the layer, variance of the batch."""
    norm = switched("layer")
    with torch.no_grad():
        norm.var_weight.copy_(switched("batch").var_weight)
    x = features()
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    var = x.var(dim=(0, 2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(norm(x), (x - mean) / torch.sqrt(var + norm.eps))


def test_statistics_are_mixed_by_the_weights():
    norm = SwitchNorm2d(4).double()
    with torch.no_grad():
        norm.mean_weight.copy_(torch.tensor([1.0, 2.0, 5.0]).log())
        norm.var_weight.copy_(torch.tensor([4.0, 3.0, 1.0]).log())
    x = features()
    dims = ((2, 3), (1, 2, 3), (0, 2, 3))
    mean = sum(w * x.mean(dim=dim, keepdim=True) for w, dim in zip((1 / 8, 2 / 8, 5 / 8), dims, strict=True))
    var = sum(w * x.var(dim, correction=0, keepdim=True) for w, dim in zip((4 / 8, 3 / 8, 1 / 8), dims, strict=True))
    torch.testing.assert_close(norm(x), (x - mean) / torch.sqrt(var + norm.eps))


def test_all_parameters_have_gradients():
    norm = SwitchNorm2d(4).double()
    (norm(features()) * features(1)).sum().backward()
    for parameter in norm.parameters():
        assert parameter.grad.abs().min() > 0


@pytest.mark.parametrize("shape", [(1, 4, 1, 1), (2, 4, 1, 1), (1, 4, 2, 2)])
def test_few_pixels(shape):
    """The variance of an instance of one pixel vanishes; a batch of one image has no other statistics."""
    norm = SwitchNorm2d(4).double()
    x = features(shape=shape).requires_grad_()
    result = norm(x)
    assert result.std() > 0.1
    result.square().sum().backward()
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(norm.eval()(x)).all()


def test_statistics_of_half_precision_are_in_single_precision():
    """With a large offset, the error of a mean in bfloat16 would exceed the standard deviation."""
    norm = SwitchNorm2d(4)
    x = 100 + 4 * torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    x = x.bfloat16()
    result = norm(x)
    assert result.dtype == torch.bfloat16
    torch.testing.assert_close(result.float(), SwitchNorm2d(4)(x.float()), atol=0.02, rtol=0.01)
