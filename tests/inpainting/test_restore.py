"""Laws of all methods: what stays bit-identical, which values are ignored, and what changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from sunpy_restore.core.restoration.methods import load_method
from sunpy_restore.core.weights.store import write
from sunpy_restore.inpainting.corona.noise import find_noise
from sunpy_restore.inpainting.observation import Observation
from sunpy_restore.inpainting.restore import restore
from sunpy_restore.inpainting.task import TASK
from sunpy_restore.networks.unet import CoronaUNet

SHAPE, CENTER, BIAS = (300, 352), (110.4, 157.8), 400.0
CLASSICAL = tuple(TASK.classical)
NETWORKS = {"polar": {"view": "polar"}, "pixel": {"view": "pixel"},
            "blended": {"view": "polar", "others": 7, "base": 7, "blended": 9}}  # fmt: skip
METHODS = CLASSICAL + tuple(NETWORKS)
CLASSICAL_FIRST = (*CLASSICAL, *(pytest.param(view, marks=pytest.mark.slow) for view in NETWORKS))


def slow(*values):
    """A parameter in the slow tier."""
    return pytest.param(*values, marks=pytest.mark.slow)


def filled_by(observation, method):
    return restore(observation, method).data


def light(noise=0.01, seed=0):
    """A steep corona with two streamers."""
    y, x = np.indices(SHAPE)
    radius, azimuth = np.hypot(x - CENTER[0], y - CENTER[1]), np.arctan2(y - CENTER[1], x - CENTER[0])
    image = 3e5 / np.maximum(radius, 20) ** 1.5 * (1 + 0.2 * np.cos(2 * azimuth))
    image *= 1 + 0.3 * np.exp(-(((azimuth - 0.3) / 0.05) ** 2)) + 0.2 * np.exp(-(((azimuth + 2) / 0.1) ** 2))
    return image * np.random.default_rng(seed).normal(1, noise, SHAPE)


def observe(rubbish=0.0, gain=1.0, shift=0.0, noise=0.01, **changes):
    """An observation with a missing block, a row of them, another one next to the occulter, and neighbours."""
    unobserved = np.hypot(*(np.indices(SHAPE) - np.reshape(CENTER[::-1], (2, 1, 1)))) < 28
    mask = np.zeros(SHAPE, dtype=bool)
    mask[64:96, 256:288] = mask[224:256, 64:192] = mask[128:160, 128:160] = True
    mask &= ~unobserved
    truth = gain * (light(noise) + BIAS) + shift
    expected = gain * (1.02 * light(0.0) + BIAS) + shift
    expected = np.where(unobserved, np.nan, expected)
    options = {
        "mask": mask,
        "unobserved": unobserved,
        "center": CENTER,
        "detector": "C3",
        "neighbours": expected,
    } | changes
    hidden = options["mask"] | options["unobserved"]
    return Observation(image=np.where(hidden, rubbish, truth), bias=gain * BIAS + shift, **options)


def part_of(observation, place):
    rows, columns = place
    arrays = {key: getattr(observation, key)[place] for key in ("image", "mask", "unobserved", "neighbours")}
    return replace(
        observation, center=(observation.center[0] - columns.start, observation.center[1] - rows.start), **arrays
    )


def interior(*shape):
    """Pixels whose windows are not cut by the edges of a cutout."""
    inside = np.zeros(shape, dtype=bool)
    inside[16:-16, 16:-16] = True
    return inside


@pytest.fixture(scope="module")
def methods(tmp_path_factory):
    """All methods, with random networks, which change the first fill."""
    folder = tmp_path_factory.mktemp("weights")
    loaded = {name: load_method(TASK, name) for name in CLASSICAL}
    for name, options in NETWORKS.items():
        generator = torch.Generator().manual_seed(0)
        network = CoronaUNet(widths=[6, 8], **options)
        with torch.no_grad():
            for parameter in network.parameters():
                spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1
                parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
            network.leave.weight.mul_(0.1)
        hyperparameters = {"architecture": "CoronaUNet", "widths": [6, 8], **options}
        metadata = {"task": "inpaint", "architecture": "CoronaUNet", "hyperparameters": hyperparameters}
        write(folder / f"{name}.safetensors", network.state_dict(), metadata)
        loaded[name] = load_method(TASK, weights=folder / f"{name}.safetensors", device="cpu")
    return loaded


@pytest.fixture(scope="module")
def observation():
    return observe()


@pytest.fixture(scope="module")
def noise(observation):
    return find_noise(light(), ~observation.unobserved)


@pytest.fixture(scope="module")
def filled(observation, methods):
    """``filled(method)``: the filled observation, computed once."""
    known = {}

    def filled(method):
        if method not in known:
            known[method] = filled_by(observation, methods[method])
        return known[method].copy()

    return filled


@pytest.mark.parametrize("method", METHODS)
def test_other_pixels_stay_bit_identical(observation, filled, method):
    result = filled(method)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result[~observation.mask], observation.image[~observation.mask])
    assert np.isfinite(result[observation.mask]).all()


@pytest.mark.parametrize("method", METHODS)
def test_the_corona_continues_in_the_holes(observation, filled, method):
    error = filled(method)[observation.mask] / (light(0.0) + BIAS)[observation.mask] - 1
    assert np.sqrt(np.mean(error**2)) < (0.02 if method == "temporal" else 0.2)


@pytest.mark.parametrize("method", CLASSICAL_FIRST)
@pytest.mark.parametrize("rubbish", [slow(-1e9), slow(1e9), np.nan])
def test_missing_and_unobserved_values_are_ignored(observation, filled, methods, method, rubbish):
    found = filled_by(observe(rubbish), methods[method])
    np.testing.assert_array_equal(found[observation.mask], filled(method)[observation.mask])


@pytest.mark.parametrize("method", METHODS)
def test_fill_does_not_fall_towards_unobserved_pixels(observation, filled, method):
    """In the block next to the occulter no pixel is as dark as the occulter."""
    inner = observation.mask.copy()
    inner[:128] = inner[160:] = False
    truth = light(0.0) + BIAS
    assert filled(method)[inner].min() > 0.6 * truth[inner].min()
    assert filled(method)[inner].max() < 1.5 * truth[inner].max()


@pytest.mark.parametrize("method", CLASSICAL_FIRST)
@pytest.mark.parametrize(("gain", "shift"), [slow(3.0, 0.0), slow(1.0, 250.0), (0.1, 60.0)])
def test_fill_is_equivariant_to_gain_and_bias(observation, filled, noise, methods, method, gain, shift):
    found = (filled_by(observe(gain=gain, shift=shift), methods[method]) - shift) / gain
    difference = np.abs(found - filled(method))[observation.mask]
    if method in CLASSICAL:
        np.testing.assert_allclose(difference, 0, atol=1e-2 if method == "fuzzy" else 2e-3)
    else:
        assert (difference / noise[observation.mask]).max() < 0.05


@pytest.mark.parametrize("method", CLASSICAL_FIRST)
def test_unit_of_level_1_gives_the_same_fill(observation, filled, methods, method):
    """Squares of 1e-13 of the counts underflow in single precision."""
    found = 1e13 * filled_by(observe(gain=1e-13), methods[method])
    np.testing.assert_allclose(found[observation.mask], filled(method)[observation.mask], rtol=2e-3)


@pytest.mark.parametrize("method", [name for name in CLASSICAL if name not in ("radial", "fuzzy")])
def test_fill_of_a_cutout_is_the_cutout_of_the_filled_by(observation, filled, methods, method):
    place = np.s_[30:290, 20:330]
    part = part_of(observation, place)
    found, whole = filled_by(part, methods[method]), filled(method)[place]
    inside = part.mask & interior(*part.mask.shape)
    assert inside.sum() > 0.9 * part.mask.sum()
    np.testing.assert_allclose(found[inside], whole[inside], rtol=1e-6)


@pytest.mark.parametrize(("method", "most"), [("radial", 0.6), ("fuzzy", 2.0), *(slow(name, 3.0) for name in NETWORKS)])
def test_fill_of_a_cutout_agrees_within_the_noise(observation, filled, noise, methods, method, most):
    """The background and the profile are those of the cutout and differ slightly."""
    place = np.s_[20:292, 8:340]
    part = part_of(observation, place)
    found, whole = filled_by(part, methods[method]), filled(method)[place]
    difference = np.abs(found - whole)[part.mask] / noise[place][part.mask]
    assert np.median(difference) < 0.5 * most
    assert np.sqrt(np.mean(difference**2)) < most


@pytest.mark.parametrize("method", CLASSICAL_FIRST)
def test_distant_blocks_are_filled_independently(methods, method):
    both = observe()
    alone = both.mask.copy()
    alone[110:] = False
    found = [filled_by(observe(mask=mask), methods[method]) for mask in (both.mask, alone)]
    near = np.abs(found[0] - found[1])[alone]
    # The background is fitted to other valid pixels
    assert near.max() < (1e-6 if method in ("harmonic", "biharmonic", "temporal") else 3)


@pytest.mark.parametrize("view", NETWORKS)
def test_networks_change_the_first_filled_by(observation, filled, noise, view):
    change = np.abs(filled(view) - filled("harmonic"))[observation.mask] / noise[observation.mask]
    assert change.mean() > 0.3


@pytest.mark.parametrize("method", CLASSICAL_FIRST)
def test_mirror_images_are_filled_alike(observation, filled, noise, methods, method):
    """Except by a network on pixels, which distinguishes left and right."""
    mirrored = {key: getattr(observation, key)[:, ::-1] for key in ("image", "mask", "unobserved", "neighbours")}
    found = filled_by(replace(observation, center=(SHAPE[1] - 1 - CENTER[0], CENTER[1]), **mirrored), methods[method])[
        :, ::-1
    ]
    difference = (np.abs(found - filled(method)) / noise)[observation.mask]
    if method in CLASSICAL:
        # For the biharmonic fill unobserved pixels may have two nearest neighbours
        assert difference.max() < (0.5 if method == "biharmonic" else 0.01)
    elif method != "pixel":
        # The grids of mirror images are shifted by a part of a cell
        assert np.sqrt(np.mean(difference**2)) < 0.6


@pytest.mark.parametrize("method", ["harmonic", "radial", *map(slow, NETWORKS)])
def test_observations_without_neighbours(observation, filled, methods, method):
    """They are ignored by methods for a single image."""
    found = filled_by(observe(neighbours=None), methods[method])
    assert np.isfinite(found[observation.mask]).all()
    if method not in NETWORKS:
        np.testing.assert_array_equal(found, filled(method))


@pytest.mark.parametrize("method", CLASSICAL_FIRST)
def test_blocks_at_edges_and_corners(methods, method):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:32, :32] = mask[-44:, 160:192] = mask[200:232, -32:] = True
    found = filled_by(observe(mask=mask), methods[method])
    error = found[mask] / (light(0.0) + BIAS)[mask] - 1
    assert np.abs(error).max() < 0.3


@pytest.mark.parametrize("method", CLASSICAL_FIRST)
def test_nothing_to_filled_by(observation, methods, method):
    nothing = observe(mask=np.zeros(SHAPE, dtype=bool))
    np.testing.assert_array_equal(filled_by(nothing, methods[method]), nothing.image)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(40, 40), (33, 64)])
def test_tiny_cutouts_with_few_valid_pixels(methods, method, shape):
    mask = np.zeros(shape, dtype=bool)
    mask[1:33, 4:36] = True
    image = 500 + np.random.default_rng(0).normal(0, 3, shape)
    observation = Observation(
        image=np.where(mask, 0, image), mask=mask, unobserved=np.zeros(shape, dtype=bool), center=(-200.0, 90.0),
        detector="C2", bias=300.0, neighbours=image + 1,
    )  # fmt: skip
    found = filled_by(observation, methods[method])
    np.testing.assert_allclose(found, 500, atol=60)


def disturbed(observation, kind):
    """The observation with a bright object next to a hole, and the pixels of the object."""
    y, x = np.indices(SHAPE)
    if kind == "pixel":
        put = (y == 96) & (x == 270)
    elif kind == "row":
        put = (y >= 61) & (y < 64) & (np.abs(x - 272) < 50)
    elif kind == "column":
        put = (x >= 288) & (x < 291) & (np.abs(y - 70) < 50)
    else:
        put = np.hypot(y - 101, x - 262) < 6
        put |= (y >= 100) & (y < 102) & (np.abs(x - 262) < 60)
    put &= observation.valid
    return replace(observation, image=np.where(put, observation.image + 12000, observation.image)), put


@pytest.mark.parametrize("kind", ["pixel", "row", "column", "planet"])
@pytest.mark.parametrize("method", CLASSICAL_FIRST)
def test_an_outlier_changes_the_fill_by_less_than_the_noise(observation, filled, noise, methods, method, kind):
    """Except next to it; it stays in the image. No streamer crosses these borders."""
    other, put = disturbed(observation, kind)
    found = filled_by(other, methods[method])
    np.testing.assert_array_equal(found[put], other.image[put])
    change = np.abs(found - filled(method)) / noise
    away = observation.mask & ~ndimage.binary_dilation(put, iterations=3)
    assert (change[away] < 1).all() if method in CLASSICAL else np.quantile(change[away], 0.95) < 1
    assert np.median(change[observation.mask & ~away]) < 3
