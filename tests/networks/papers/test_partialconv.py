import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from sunpy_restore.networks.papers.partialconv import LayeredPartialUNet, PartialConv2d

SEEDS = st.integers(0, 2**32 - 1)


def naive(features, masks, weight, bias, groups, stride):
    """Equation 1 of Liu et al. (2018), window by window, with a mask for every channel."""
    masks = np.repeat(masks, groups, axis=0)
    outputs, _, side, _ = weight.shape
    margin = side // 2
    _, ny, nx = features.shape
    rows, columns = range(0, ny, stride), range(0, nx, stride)
    found, reached = np.zeros((outputs, len(rows), len(columns))), np.zeros((1, len(rows), len(columns)))
    for (i, y), (j, x) in itertools.product(enumerate(rows), enumerate(columns)):
        total, valid = np.zeros(outputs), 0
        for channel, dy, dx in itertools.product(range(len(features)), range(side), range(side)):
            row, column = y + dy - margin, x + dx - margin
            if 0 <= row < ny and 0 <= column < nx and masks[channel, row, column]:
                total += weight[:, channel, dy, dx] * features[channel, row, column]
                valid += 1
        if valid:
            found[:, i, j] = total * weight[0].size / valid + bias
            reached[0, i, j] = 1
    return found, reached


@settings(deadline=None, max_examples=25)
@given(
    seed=SEEDS,
    groups=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 2),
    share=st.sampled_from([0.03, 0.3, 1.0]),
)
def test_equation_of_the_paper(seed, groups, kernel, stride, share):
    rng = np.random.default_rng(seed)
    ny, nx = rng.integers(1, 9, 2)
    features = rng.normal(size=(sum(groups), ny, nx))
    masks = (rng.random((len(groups), ny, nx)) < share).astype(float)
    # Invalid values may be anything
    features[np.repeat(masks, groups, axis=0) == 0] = rng.choice([np.nan, np.inf, 3.0])
    layer = PartialConv2d(tuple(groups), 2, kernel, stride).double()
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([0.5, -2.0]))
        found, reached = layer(torch.from_numpy(features)[None], torch.from_numpy(masks)[None])
    wanted = naive(features, masks, layer.weight.detach().numpy(), [0.5, -2.0], groups, stride)
    np.testing.assert_allclose(found[0].numpy(), wanted[0], rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(reached[0].numpy(), wanted[1])


@pytest.mark.parametrize("stride", [1, 2])
def test_valid_images_are_convolved_away_from_the_edge(stride):
    layer = PartialConv2d(3, 4, 5, stride)
    features = torch.randn(2, 3, 20, 24)
    with torch.no_grad():
        found, reached = layer(features, torch.ones(2, 1, 20, 24))
        plain = functional.conv2d(features, layer.weight, layer.bias, stride, padding=2)
    assert reached.all()
    inner = slice(2, -2)
    torch.testing.assert_close(found[..., inner, inner], plain[..., inner, inner])
    # At the edge the window has fewer valid values, which have more weight
    assert not torch.isclose(found[..., 0, :], plain[..., 0, :]).any()


def test_constant_image_stays_constant():
    """With a kernel of equal weights and any mask."""
    layer = PartialConv2d(1, 1, 3, bias=False)
    torch.nn.init.ones_(layer.weight)
    mask = (torch.rand(1, 1, 30, 30) < 0.2).float()
    with torch.no_grad():
        found, reached = layer(torch.full((1, 1, 30, 30), 2.0), mask)
    torch.testing.assert_close(found, 18 * reached)
    assert reached.mean() < 1


def test_gradients_are_those_of_valid_pixels_only():
    features = torch.randn(1, 2, 9, 9, requires_grad=True)
    mask = (torch.rand(1, 1, 9, 9) < 0.5).float()
    found, _ = PartialConv2d(2, 3, 3)(features, mask)
    found.square().sum().backward()
    assert torch.equal(features.grad.ne(0), mask.bool().expand(1, 2, 9, 9))


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match="kernel of 4 pixels, expected an odd"):
        PartialConv2d(1, 1, 4)


# The stack


def network(seed=0, **keywords):
    """A small network with random weights."""
    generator = torch.Generator().manual_seed(seed)
    network = LayeredPartialUNet(**{"width": 3, "depth": 4} | keywords).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.3
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
    return network


def channels(ny=64, nx=80, seed=0, hole=(slice(20, 52), slice(24, 56)), unobserved=(slice(0, 12), slice(0, 16))):
    """An image with a hole and unobserved pixels, at the edge and in the hole."""
    generator = torch.Generator().manual_seed(seed)
    channels = torch.zeros(2, 3, ny, nx)
    channels[:, 0] = torch.rand(2, ny, nx, generator=generator)
    channels[:, 1][:, *hole] = 1
    channels[:, 2][:, *unobserved] = 1
    channels[:, 2, 30:34, 30:34] = 1
    return channels


def is_hole(channels):
    return ((channels[:, 1:2] > 0) & (channels[:, 2:3] == 0)).float()


@pytest.mark.parametrize("correct", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_pieces_of_the_layers_make_up_the_hole(layers, correct):
    observed = channels()
    stack = network(layers=layers, correct=correct)
    with torch.no_grad():
        outputs, masks = stack.forward_layers(observed)
        torch.testing.assert_close(stack(observed), outputs[-1], rtol=0, atol=0)
    assert (len(outputs), len(masks)) == (layers, layers + 1)
    assert torch.equal(masks[0], is_hole(observed))
    assert not masks[-1].any()
    before = observed[:, :1]
    for output, left, rest in zip(outputs, masks, masks[1:], strict=False):
        assert (left - rest).min() == 0
        assert (left - rest).sum() > 0
        # Pieces of earlier layers do not change, and the rest of the hole is predicted
        assert torch.equal(output[left == 0], before[left == 0])
        assert not torch.isclose(output, before)[left > 0].any()
        before = output


def test_later_layers_fill_the_rest_of_the_hole():
    """They change their own piece but not the ring of the first layer."""
    observed, stack = channels(), network()
    with torch.no_grad():
        before, masks = stack.forward_layers(observed)
        stack.stack[1].last.bias += 1
        after, _ = stack.forward_layers(observed)
    change = after[-1] - before[-1]
    torch.testing.assert_close(change, masks[1])
    assert torch.equal(before[0], after[0])


@pytest.mark.parametrize("growth", [1, 2, 3])
def test_ring_is_the_mask_of_the_first_convolutions(growth):
    observed, stack = channels(), network(growth=growth, layers=3)
    with torch.no_grad():
        outputs, masks = stack.forward_layers(observed)
    for layer, left, rest in zip(stack.stack, masks, masks[1:-1], strict=False):
        features, mask = torch.zeros_like(left), (observed[:, 2:3] == 0).float() - left
        for level in layer.encoder[:growth]:
            features, mask = level(features, mask)
        reached = mask.repeat_interleave(2**growth, dim=2).repeat_interleave(2**growth, dim=3)
        assert torch.equal(rest, left * (1 - reached))
        assert len(outputs) == 3


@pytest.mark.parametrize(("growth", "narrow", "wide"), [(2, 4, 10), pytest.param(3, 8, 22, marks=pytest.mark.slow)])
def test_width_of_the_ring(growth, narrow, wide):
    """As documented, for every position of the border in the grid."""
    found = set()
    for first in range(60, 60 + 2**growth):
        for last in range(160, 160 + 2**growth):
            observed = torch.zeros(1, 3, 16, 256)
            observed[:, 1, :, first:last] = 1
            with torch.no_grad():
                _, masks = network(width=1, growth=growth).forward_layers(observed)
            left = masks[1][0, 0, 8].nonzero()
            found |= {int(left.min()) - first, last - 1 - int(left.max())}
    assert (min(found), max(found)) == (narrow, wide)


@pytest.mark.parametrize("layers", [1, 2])
def test_first_fill_unobserved_pixels_and_further_channels_are_ignored(layers):
    observed, stack = channels(), network(layers=layers)
    hidden = (observed[:, 1] + observed[:, 2]) > 0
    other = torch.cat([observed, torch.full((2, 2, 64, 80), torch.nan)], dim=1)
    other[:, 0][hidden] = torch.nan
    with torch.no_grad():
        found, wanted = stack(other), stack(observed)
    hole = is_hole(observed) > 0
    torch.testing.assert_close(found[hole], wanted[hole], rtol=0, atol=0)
    assert torch.isnan(found[observed[:, 2:3] > 0]).all()


@pytest.mark.parametrize("correct", [False, True])
def test_pixels_outside_of_the_hole_stay(correct):
    observed = channels()
    with torch.no_grad():
        filled = network(correct=correct)(observed)
    hole = is_hole(observed) > 0
    assert torch.equal(filled[~hole], observed[:, :1][~hole])
    assert not torch.isclose(filled, observed[:, :1])[hole].any()
    empty = observed * torch.tensor([1.0, 0.0, 1.0])[:, None, None]
    assert torch.equal(network(correct=correct)(empty), empty[:, :1])


def test_untrained_corrections_return_the_first_fill():
    observed = channels()
    untrained = LayeredPartialUNet(width=3, depth=4, correct=True).eval()
    with torch.no_grad():
        assert torch.equal(untrained(observed), observed[:, :1])
        assert not torch.equal(LayeredPartialUNet(width=3, depth=4).eval()(observed), observed[:, :1])
    # Trained corrections depend on it
    other = observed.clone()
    other[:, 0][other[:, 1] > 0] += 1
    with torch.no_grad():
        change = network(correct=True)(other) - network(correct=True)(observed) - 1
    assert change[is_hole(observed) > 0].abs().max() > 1e-3


@pytest.mark.parametrize("correct", [False, True])
def test_every_layer_learns(correct):
    stack = network(correct=correct).train()
    outputs, _ = stack.forward_layers(channels())
    outputs[-1].square().sum().backward()
    # The ring is part of the final image, so the first layer learns, too
    assert all(parameter.grad.any() for parameter in stack.parameters())
    assert all(parameter.grad.isfinite().all() for parameter in stack.parameters())


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_holes_up_to_the_documented_width_are_predicted(depth):
    """In the middle of wider holes the first fill stays."""
    stack = network(depth=depth, layers=1)
    for first in range(200, 200 + 2**depth):
        observed = torch.zeros(1, 3, 16, 512)
        observed[:, 0], observed[:, 1, :, first : first + 3 * 2**depth] = 7.0, 1
        with torch.no_grad():
            assert not (stack(observed) == 7)[is_hole(observed) > 0].any()
    observed[:, 1, :, 100:400] = 1
    with torch.no_grad():
        filled = stack(observed)[0, 0, 8]
    assert (filled[240:260] == 7).all()
    assert not (filled[[100, 399]] == 7).any()


def test_images_without_valid_pixels():
    observed = channels(hole=(slice(None), slice(None)))
    for correct in (False, True):
        with torch.no_grad():
            filled = network(correct=correct)(observed)
        assert filled.isfinite().all()
        assert torch.equal(filled, observed[:, :1]) != correct


@pytest.mark.parametrize("correct", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (17, 2), (33, 47), (64, 79)])
def test_any_size(shape, correct):
    """The padding is unobserved."""
    observed = channels()[..., : shape[0], : shape[1]]
    observed[:, 1, -1:, -1:], observed[:, 2, -1:, -1:] = 1, 0
    padded = functional.pad(observed, (0, -shape[1] % 16, 0, -shape[0] % 16))
    padded[:, 2, shape[0] :], padded[:, 2, :, shape[1] :] = 1, 1
    with torch.no_grad():
        filled, wanted = network(correct=correct)(observed), network(correct=correct)(padded)
    assert filled.shape == observed[:, :1].shape
    torch.testing.assert_close(filled, wanted[..., : shape[0], : shape[1]])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_mixed_precision(dtype):
    observed, stack = channels(), network()
    with torch.no_grad():
        wanted, masks = stack.forward_layers(observed)
        with torch.autocast("cpu", dtype):
            outputs, rough = stack.forward_layers(observed)
    assert outputs[-1].dtype == torch.float32
    assert all(map(torch.equal, masks, rough))
    torch.testing.assert_close(outputs[-1], wanted[-1], atol=0.1, rtol=0.1)


def test_images_of_a_batch_are_independent():
    observed, stack = channels(), network()
    with torch.no_grad():
        alone = torch.cat([stack(one[None]) for one in observed])
        torch.testing.assert_close(stack(observed), alone)


def test_normalisation_can_be_left_out():
    kinds = {norm: {type(part).__name__ for part in network(norm=norm).modules()} for norm in ("batch", "none")}
    assert kinds["batch"] - kinds["none"] == {"BatchNorm2d"}
    # Without it every convolution has a bias
    convolutions = [part for part in network(norm="none").modules() if isinstance(part, PartialConv2d)]
    assert all(part.bias is not None for part in convolutions)


def test_widths_of_the_paper_and_the_compact_size():
    with torch.device("meta"):
        paper = LayeredPartialUNet(depth=8)
    encoder = [level.convolution.weight.shape for level in paper.stack[0].encoder]
    assert [shape[0] for shape in encoder] == [64, 128, 256, 512, 512, 512, 512, 512]
    assert [shape[-1] for shape in encoder] == [7, 5, 5, 3, 3, 3, 3, 3]
    assert len(paper.stack) == 2
    assert paper.receptive_radius is None
    assert (paper.view, LayeredPartialUNet(width=1, depth=2, view="polar").view) == ("equalized", "polar")
    compact = LayeredPartialUNet(width=16, depth=5)
    assert 4 * sum(value.numel() for value in compact.state_dict().values()) < 8e6


@pytest.mark.parametrize("wrong", [{"layers": 0}, {"width": 0}, {"depth": 0}, {"growth": 0}, {"growth": 5}])
def test_impossible_sizes(wrong):
    with pytest.raises(ValueError, match="a growth up to the depth"):
        network(**wrong)


def test_impossible_norm():
    with pytest.raises(ValueError, match="Unknown norm 'layer'; expected one of batch, none"):
        network(norm="layer")
