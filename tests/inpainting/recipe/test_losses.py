import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sunpy_restore.inpainting.recipe.losses import (
    FINE_TUNING,
    PRE_TRAINING,
    TERMS,
    continuity,
    layered_loss,
    radial_directions,
)
from sunpy_restore.networks.papers.partialconv import LayeredPartialUNet
from sunpy_restore.networks.papers.vgg import OrientedFeatures

SEEDS = st.integers(0, 2**32 - 1)
FEATURES = OrientedFeatures(2)


def scene(seed=0, layers=2, ny=32, nx=40):
    """Outputs of a stack of layers, masks that shrink to nothing, and the truth, for two images."""
    generator = torch.Generator().manual_seed(seed)
    outputs = [torch.rand(2, 1, ny, nx, generator=generator) for _ in range(layers)]
    truth = torch.rand(2, 1, ny, nx, generator=generator)
    masks = []
    for left in range(layers, -1, -1):
        masks.append(torch.zeros(2, 1, ny, nx))
        masks[-1][..., 16 - 4 * left : 16 + 4 * left, 20 - 4 * left : 20 + 4 * left] = 1
    return outputs, masks, truth


def loss(outputs, masks, truth, **weights):
    return layered_loss(outputs, masks, truth, FEATURES, {name.replace("_", "-"): w for name, w in weights.items()})


def gram(features):
    """The Gram matrix of Liu et al. with the factor K."""
    _, channels, ny, nx = features.shape
    return torch.einsum("bcyx,bdyx->bcd", features, features) / (channels * ny * nx)


def test_terms_are_those_of_the_papers():
    """Each of the six terms and their sum, compared with the formulas written out."""
    outputs, masks, truth = scene()
    true = FEATURES(truth)
    wanted = dict.fromkeys(("pixel-inner", "pixel-difference", "perceptual", "style-inner", "style-difference"), 0)
    for output, before, after in zip(outputs, masks[:-1], masks[1:], strict=True):
        for part, piece in (("inner", after), ("difference", before - after)):
            wanted[f"pixel-{part}"] += (piece * (output - truth)).abs().sum() / truth.numel()
            for found, level in zip(FEATURES(piece * output + (1 - piece) * truth), true, strict=True):
                wanted["perceptual"] += (found - level).abs().sum() / level.numel()
                distance = (gram(found) - gram(level)).abs().sum()
                wanted[f"style-{part}"] += distance / (len(level) * level.shape[1] ** 2)
    for name, value in wanted.items():
        assert value > 0
        torch.testing.assert_close(layered_loss(outputs, masks, truth, FEATURES, {name: 1.0}), value)
    for weights in (PRE_TRAINING, FINE_TUNING):
        total = sum(weight * wanted[name] for name, weight in weights.items())
        torch.testing.assert_close(layered_loss(outputs, masks, truth, FEATURES, weights), total)


def test_weights_are_the_published_ones():
    assert TERMS == ("pixel-inner", "pixel-difference", "perceptual", "style-inner", "style-difference")
    assert tuple(PRE_TRAINING.values()) == (6, 6, 0.05, 120, 120)
    assert tuple(FINE_TUNING.values()) == (0.2, 0.8, 0.2, 1.2, 1.8)
    assert tuple(PRE_TRAINING) == tuple(FINE_TUNING) == TERMS


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS, layers=st.integers(1, 3), factor=st.floats(0.1, 10))
def test_losses_are_norms(seed, layers, factor):
    outputs, masks, truth = scene(seed, layers)
    assert loss([truth] * layers, masks, truth, **{name.replace("-", "_"): 1 for name in TERMS}) == 0
    scaled = [factor * output for output in outputs], masks, factor * truth
    for weights, power in [
        ({"pixel_inner": 1, "pixel_difference": 2}, 1),
        ({"perceptual": 1}, 1),
        ({"style_inner": 1, "style_difference": 2}, 2),
    ]:
        before = loss(outputs, masks, truth, **weights)
        torch.testing.assert_close(loss(*scaled, **weights), factor**power * before, rtol=1e-4, atol=1e-6)


def test_gradients_of_each_part_are_in_its_pixels():
    outputs, masks, truth = scene()
    outputs = [output.requires_grad_() for output in outputs]
    inner = torch.autograd.grad(loss(outputs, masks, truth, pixel_inner=1), outputs, allow_unused=True)
    assert torch.equal(inner[0] != 0, masks[1] > 0)
    # The inner part of the last layer is empty
    assert not inner[1].any()
    pieces = torch.autograd.grad(loss(outputs, masks, truth, pixel_difference=1), outputs)
    for gradient, before, after in zip(pieces, masks[:-1], masks[1:], strict=True):
        assert torch.equal(gradient != 0, before - after > 0)
    for name in TERMS[2:]:
        for gradient in torch.autograd.grad(loss(outputs, masks, truth, **{name.replace("-", "_"): 1}), outputs):
            assert not gradient[masks[0] == 0].any()


def test_features_are_not_needed_for_pixels():
    outputs, masks, truth = scene()
    weights = {"pixel-inner": 1.0, "pixel-difference": 1.0, "perceptual": 0}
    assert layered_loss(outputs, masks, truth, None, weights) > 0
    calls = []

    def counted(images):
        calls.append(images)
        return FEATURES(images)

    layered_loss(outputs, masks, truth, counted, {"style-difference": 1.0})
    # Features of the truth, and of the piece of each layer
    assert len(calls) == 3


@pytest.mark.parametrize("weights", [{}, {"tv": 1.0}, {"pixel-inner": 1.0, "pixel": 1.0}])
def test_impossible_weights(weights):
    with pytest.raises(ValueError, match="expected some of pixel-inner, pixel-difference, perceptual"):
        layered_loss(*scene(), FEATURES, weights)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_mixed_precision(dtype):
    """Products of the features of large images overflow in half precision."""
    outputs, masks, truth = scene()
    outputs, truth = [1000 * output for output in outputs], 1000 * truth
    wanted = layered_loss(outputs, masks, truth, FEATURES, FINE_TUNING)
    with torch.autocast("cpu", dtype):
        found = layered_loss([output.to(dtype) for output in outputs], masks, truth, FEATURES, FINE_TUNING)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, wanted, rtol=0.02, atol=0)


@pytest.mark.parametrize("hole", [True, False])
def test_loss_trains_all_layers(hole):
    """Gradients are finite, also without pixels to fill."""
    network = LayeredPartialUNet(width=2, depth=3)
    channels = torch.rand(2, 3, 32, 40)
    channels[:, 1:] = 0
    channels[:, 1, 8:24, 10:30] = float(hole)
    total = layered_loss(*network.forward_layers(channels), torch.rand(2, 1, 32, 40), FEATURES, PRE_TRAINING)
    total.backward()
    gradients = [parameter.grad for parameter in network.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    assert all(gradient.any() == hole for gradient in gradients)
    assert (total > 0) == hole


# Continuity

HOLE = (..., slice(12, 24), slice(14, 30))


def grid(ny=40, nx=44):
    return torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in (ny, nx)), indexing="ij")


def linear(a, b, c):
    y, x = grid()
    return (a * x + b * y + c)[None, None]


def filled():
    mask = torch.zeros(1, 1, 40, 44, dtype=torch.float64)
    mask[HOLE] = 1
    return mask


DIRECTIONS = [None, radial_directions((40, 44), (-13.2, 5.1)), radial_directions((40, 44), (20.0, 17.5))]


@pytest.mark.parametrize("directions", DIRECTIONS)
@settings(deadline=None, max_examples=20)
@given(slopes=st.tuples(*[st.floats(-5, 5)] * 3), offset=st.floats(-10, 10))
def test_linear_images_are_continuous_and_offsets_are_not(directions, slopes, offset):
    image, mask = linear(*slopes), filled()
    assert continuity(image, mask, directions=directions) < 1e-5
    # The offset in both profiles
    raised = continuity(image + offset * mask, mask, directions=directions)
    torch.testing.assert_close(raised, torch.tensor(2 * abs(offset), dtype=torch.float64), rtol=1e-5, atol=1e-4)


@given(seed=SEEDS)
@settings(deadline=None, max_examples=10)
def test_continuity_agrees_with_its_definition(seed):
    """Pixel by pixel, for profiles along rows and columns."""
    rng = torch.Generator().manual_seed(seed)
    image = torch.rand(1, 1, 12, 13, generator=rng, dtype=torch.float64)
    mask = (torch.rand(1, 1, 12, 13, generator=rng) < 0.3).double()
    unobserved = (torch.rand(1, 1, 12, 13, generator=rng) < 0.1).double()
    total = 0
    for dy, dx in ((1, 0), (0, 1)):
        found = []
        for sign in (1, -1):
            for y in range(12):
                for x in range(13):
                    ahead, here, behind = ((y + k * sign * dy, x + k * sign * dx) for k in (1, 0, -1))
                    if not all(
                        0 <= i < 12 and 0 <= j < 13 and not unobserved[0, 0, i, j] for i, j in (ahead, here, behind)
                    ):
                        continue
                    first, *rest = (bool(mask[0, 0, i, j]) for i, j in (ahead, here, behind))
                    if first and not any(rest):
                        values = [float(image[0, 0, i, j]) for i, j in (ahead, here, behind)]
                        found.append(abs(values[0] - 2 * values[1] + values[2]))
        assume(found)
        total += sum(found) / len(found)
    assert continuity(image, mask, unobserved).item() == pytest.approx(total)
    # Values of unobserved pixels are ignored
    hidden = torch.where(unobserved > 0, torch.nan, image)
    torch.testing.assert_close(continuity(hidden, mask, unobserved), continuity(image, mask, unobserved))


def test_profiles_follow_their_directions():
    """A discontinuity along one direction counts once, also with the directions exchanged."""
    y, _ = grid()
    mask = torch.zeros(1, 1, 40, 44, dtype=torch.float64)
    mask[..., 20:, :] = 1
    image = torch.where(y < 20, y, 2 * y - 19)[None, None]
    # The only border is perpendicular to the columns: 21 instead of 20 in the row after 19
    torch.testing.assert_close(continuity(image, mask), torch.tensor(1.0, dtype=torch.float64))
    turned = torch.tensor([1.0, 0.0])[:, None, None].expand(2, 40, 44)
    torch.testing.assert_close(continuity(image, mask, directions=turned), continuity(image, mask))


def test_oblique_profiles_are_discontinuous_alike():
    """With different directions for each image; their signs do not matter."""
    mask, image = filled(), linear(1, 2, 3) + 0.5 * filled()
    angles = torch.linspace(0, 3, 7, dtype=torch.float64)
    directions = torch.stack([angles.cos(), angles.sin()], dim=1)[..., None, None].expand(7, 2, 40, 44)
    many = continuity(image.expand(7, 1, 40, 44), mask.expand(7, 1, 40, 44), directions=directions)
    torch.testing.assert_close(many, torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close(continuity(image, mask, directions=-directions[3]), many)


@pytest.mark.parametrize("directions", DIRECTIONS)
def test_gradients_reduce_the_discontinuity(directions):
    image = linear(1, 2, 3) + filled()
    image.requires_grad_()
    discontinuity = continuity(image, filled(), directions=directions)
    discontinuity.backward()
    assert image.grad.isfinite().all()
    assert image.grad[HOLE].any()
    step = torch.zeros_like(image)
    step[HOLE] = 1e-3 * image.grad[HOLE]
    assert continuity(image.detach() - step, filled(), directions=directions) < discontinuity


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_images_without_a_border_are_continuous(value):
    image = linear(1, 2, 3).requires_grad_()
    found = continuity(image, torch.full_like(image, value))
    found.backward()
    assert found == 0
    assert not image.grad.any()


def test_continuity_in_mixed_precision():
    with torch.autocast("cpu", torch.bfloat16):
        found = continuity(linear(1, 2, 3).bfloat16() + 2 * filled().bfloat16(), filled().bfloat16())
    assert found.dtype == torch.float32
    # Values up to 131 are rounded to 1
    torch.testing.assert_close(found, torch.tensor(4.0), rtol=0, atol=1)


def test_radial_directions():
    directions = radial_directions((3, 4), (1.0, 1.0))
    torch.testing.assert_close(directions.square().sum(dim=0), torch.ones(3, 4))
    torch.testing.assert_close(directions[:, 1, 3], torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(directions[:, 0, 1], torch.tensor([0.0, -1.0]))
    torch.testing.assert_close(directions[:, 2, 0], torch.tensor([-1.0, 1.0]) / 2**0.5)
    torch.testing.assert_close(directions[:, 1, 1], torch.tensor([1.0, 0.0]))
