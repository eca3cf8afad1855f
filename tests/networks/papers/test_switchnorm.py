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
    """A normalisation that uses the statistics of one kind alone."""
    norm = SwitchNorm2d(channels).double()
    with torch.no_grad():
        for weight in (norm.mean_weight, norm.var_weight):
            weight.fill_(-100)
            weight[KINDS[kind][0]] = 100
    return norm


def disturbed(*norms):
    """The norms, with the same random scale and offset."""
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
def test_one_kind_alone_is_the_known_normalisation(kind, seed):
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


def test_running_statistics_are_those_of_batch_norm():
    norm, known = switched("batch"), nn.BatchNorm2d(4).double()
    for seed in range(5):
        norm(features(seed))
        known(features(seed))
    torch.testing.assert_close(norm.running_mean, known.running_mean)
    torch.testing.assert_close(norm.running_var, known.running_var)
    torch.testing.assert_close(norm.eval()(features(9)), known.eval()(features(9)))


def test_evaluation_changes_nothing_and_knows_no_other_image():
    norm = SwitchNorm2d(4).double()
    norm(features())
    norm.eval()
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    x = features(1)
    torch.testing.assert_close(torch.cat([norm(image[None]) for image in x]), norm(x))
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


def test_mean_and_variance_have_weights_of_their_own():
    """Mean of the layer and variance of the batch."""
    norm = switched("layer")
    with torch.no_grad():
        norm.var_weight.copy_(switched("batch").var_weight)
    x = features()
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    var = x.var(dim=(0, 2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(norm(x), (x - mean) / torch.sqrt(var + norm.eps))


def test_a_mixture_is_of_the_statistics():
    norm = SwitchNorm2d(4).double()
    with torch.no_grad():
        norm.mean_weight.copy_(torch.tensor([1.0, 2.0, 5.0]).log())
        norm.var_weight.copy_(torch.tensor([4.0, 3.0, 1.0]).log())
    x = features()
    dims = ((2, 3), (1, 2, 3), (0, 2, 3))
    mean = sum(w * x.mean(dim=dim, keepdim=True) for w, dim in zip((1 / 8, 2 / 8, 5 / 8), dims, strict=True))
    var = sum(w * x.var(dim, correction=0, keepdim=True) for w, dim in zip((4 / 8, 3 / 8, 1 / 8), dims, strict=True))
    torch.testing.assert_close(norm(x), (x - mean) / torch.sqrt(var + norm.eps))


def test_weights_are_learned():
    norm = SwitchNorm2d(4).double()
    (norm(features()) * features(1)).sum().backward()
    for parameter in norm.parameters():
        assert parameter.grad.abs().min() > 0


@pytest.mark.parametrize("shape", [(1, 4, 1, 1), (2, 4, 1, 1), (1, 4, 2, 2)])
def test_few_pixels(shape):
    """An instance of one pixel has no variance, and a batch of one has none but its own."""
    norm = SwitchNorm2d(4).double()
    x = features(shape=shape).requires_grad_()
    result = norm(x)
    assert result.std() > 0.1
    result.square().sum().backward()
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(norm.eval()(x)).all()


def test_half_precision_has_statistics_in_single():
    """A large offset, of which a mean of bfloat16 numbers would be off by more than the spread."""
    norm = SwitchNorm2d(4)
    x = 100 + 4 * torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    x = x.bfloat16()
    result = norm(x)
    assert result.dtype == torch.bfloat16
    torch.testing.assert_close(result.float(), SwitchNorm2d(4)(x.float()), atol=0.02, rtol=0.01)
