import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional

from sunpy_restore.networks.papers.vgg import OrientedFeatures, VGG19Features

# Indices and channels of the convolutions in torchvision's models.vgg19().features
CONVOLUTIONS = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256)}
CONVOLUTIONS |= {12: (256, 256), 14: (256, 256), 16: (256, 256), 19: (256, 512), 21: (512, 512)}
POOLINGS = (4, 9, 18)


def torchvision_state(last=21, seed=0):
    """Random weights with torchvision's names, including the classifier."""
    generator = torch.Generator().manual_seed(seed)
    state = {"classifier.0.bias": torch.zeros(3)}
    for index, (entering, leaving) in CONVOLUTIONS.items():
        if index <= last:
            weight = torch.randn(leaving, entering, 3, 3, generator=generator) * (2 / (9 * entering)) ** 0.5
            state[f"features.{index}.weight"] = weight
            state[f"features.{index}.bias"] = 0.1 * torch.randn(leaving, generator=generator)
    return state


@pytest.fixture(scope="module")
def state():
    return torchvision_state()


def test_features_of_the_published_network(state):
    """Compared with the layers written out, on three equal channels normalised as for ImageNet."""
    images = torch.rand(2, 1, 24, 32)
    with torch.no_grad():
        found = VGG19Features(POOLINGS).load(state)(images)
    mean, deviation = (torch.tensor(values)[:, None, None] for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    values, wanted = (images.repeat(1, 3, 1, 1) - mean) / deviation, []
    for index in range(19):
        if index in POOLINGS:
            values = functional.max_pool2d(values, 2, 2)
            wanted.append(values)
        elif index in CONVOLUTIONS:
            weight, bias = state[f"features.{index}.weight"], state[f"features.{index}.bias"]
            values = functional.conv2d(values, weight, bias, padding=1).relu()
    assert [tuple(level.shape) for level in found] == [(2, 64, 12, 16), (2, 128, 6, 8), (2, 256, 3, 4)]
    torch.testing.assert_close(found, wanted)


def test_features_of_other_layers(state):
    images = torch.rand(1, 1, 16, 16)
    with torch.no_grad():
        before, after = VGG19Features((0, 1)).load(state)(images)
        deep = VGG19Features((9, 19)).load(state)(images)
        pooled = VGG19Features((9,)).load(state)(images)
    torch.testing.assert_close(after, before.relu())
    assert before.min() < 0
    torch.testing.assert_close(deep[0], pooled[0])
    assert deep[1].shape == (1, 512, 2, 2)


def test_only_as_deep_as_needed():
    assert [len(VGG19Features((last,)).features) for last in POOLINGS] == [5, 10, 19]
    with torch.device("meta"):
        whole = VGG19Features((36,))
    # 16 convolutions of the published network, without its classifier
    assert sum(parameter.numel() for parameter in whole.parameters()) == 20_024_384


@pytest.mark.parametrize("layers", [(), (37,), (-1,), (9, 4), (4, 4)])
def test_unknown_layers_are_refused(layers):
    with pytest.raises(ValueError, match="expected ascending numbers from 0 to 36"):
        VGG19Features(layers)


def test_missing_or_wrong_weights_are_refused(state):
    features = VGG19Features((4,))
    with pytest.raises(RuntimeError, match=r"no weights yet: call its load\(\)"):
        features(torch.zeros(1, 1, 8, 8))
    missing = {name: value for name, value in state.items() if name != "features.2.bias"}
    with pytest.raises(ValueError, match=r"Found nothing as features\.2\.bias; expected \(64,\)"):
        features.load(missing)
    with pytest.raises(ValueError, match=r"Found \(64, 1, 3, 3\) as features\.0\.weight; expected \(64, 3, 3, 3\)"):
        features.load(state | {"features.0.weight": torch.zeros(64, 1, 3, 3)})
    assert features.load(state) is features


@pytest.mark.parametrize("kind", ["vgg", "oriented"])
def test_features_are_frozen_and_pass_gradients_on(kind, state):
    features = VGG19Features((4, 9)).load(state) if kind == "vgg" else OrientedFeatures()
    images = torch.rand(1, 1, 16, 16, requires_grad=True)
    assert not features.train().training
    assert not any(parameter.requires_grad for parameter in features.parameters())
    sum(level.square().sum() for level in features(images)).backward()
    assert images.grad.any()
    # Weights files hold nothing but the tensors of torchvision's file
    assert features.state_dict().keys() <= state.keys()


# Fixed filters


def ramp(ny, nx, slope_x, slope_y):
    y, x = torch.meshgrid(torch.arange(float(ny)), torch.arange(float(nx)), indexing="ij")
    return (slope_x * x + slope_y * y)[None, None]


def signed(level):
    """The responses before their rectification."""
    positive, negative = level.chunk(2, dim=1)
    return positive - negative


def test_levels_halve_the_image():
    images = torch.rand(2, 1, 40, 24)
    assert [tuple(level.shape) for level in OrientedFeatures(2, 3)(images)] == [(2, 12, 20, 12), (2, 12, 10, 6)]
    found = OrientedFeatures()(images)
    assert all(level.min() >= 0 for level in found)
    torch.testing.assert_close(OrientedFeatures()(images), found, rtol=0, atol=0)


def test_responses_scale_with_the_image_and_ignore_constants():
    images = torch.randn(1, 1, 32, 32)
    for level, scaled in zip(OrientedFeatures()(images), OrientedFeatures()(3 * images + 5), strict=True):
        torch.testing.assert_close(scaled, 3 * level, rtol=1e-3, atol=1e-4)


def test_slopes_are_projected_on_the_directions():
    """First derivatives give the slope along their direction, at each level over twice the distance."""
    slopes = (0.3, -0.7)
    found = OrientedFeatures()(ramp(128, 128, *slopes))
    directions = [(math.cos(math.pi * k / 4), math.sin(math.pi * k / 4)) for k in range(4)]
    wanted = torch.tensor([slopes[0] * x + slopes[1] * y for x, y in directions])
    for index, level in enumerate(found):
        middle = level.shape[-1] // 2
        responses = signed(level)[0, :, middle, middle]
        first, second = responses[::2], responses[1::2]
        torch.testing.assert_close(first, 2**index * wanted, rtol=2e-3, atol=0)
        torch.testing.assert_close(second, torch.zeros(4), rtol=0, atol=1e-4)


def test_filters_are_derivatives_of_a_gaussian():
    """Those of scipy, in x and in y."""
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.normal(size=(48, 48)), 1)
    (found,) = OrientedFeatures(1, 2)(torch.from_numpy(image).float()[None, None])
    for channel, order in enumerate([(0, 1), (0, 2), (1, 0), (2, 0)]):
        responses = ndimage.gaussian_filter(image, 1, order=order, mode="nearest")
        parts = [np.maximum(sign * responses, 0).reshape(24, 2, 24, 2).mean(axis=(1, 3)) for sign in (1, -1)]
        pair = found[0, channel].numpy(), found[0, channel + 4].numpy()
        for one, other in zip(pair, parts, strict=True):
            np.testing.assert_allclose(one, other, atol=2e-3 * np.abs(other).max())


def test_a_quarter_turn_of_the_image_is_one_of_the_filters():
    images = torch.randn(1, 1, 32, 32)
    for level, turned in zip(OrientedFeatures()(images), OrientedFeatures()(images.rot90(dims=(2, 3))), strict=True):
        # Second derivatives have no sign
        seen, wanted = (signed(values)[:, 1::2] for values in (turned.rot90(-1, dims=(2, 3)), level))
        torch.testing.assert_close(seen, wanted.roll(2, dims=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("numbers", [(0, 4), (3, 0)])
def test_impossible_numbers_are_refused(numbers):
    with pytest.raises(ValueError, match="expected 1 or more of both"):
        OrientedFeatures(*numbers)
