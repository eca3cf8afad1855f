"""Laws of the fill, of all methods: what is kept bit by bit, what is never looked at, what changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sunpy_restore.core.restorer import load_restorer
from sunpy_restore.core.weights import write
from sunpy_restore.inpainting.background import find_noise
from sunpy_restore.inpainting.observation import Frame
from sunpy_restore.inpainting.restore import fill
from sunpy_restore.inpainting.task import INPAINT
from sunpy_restore.networks.unet import CoronaUNet

SHAPE, CENTER, BIAS = (300, 352), (110.4, 157.8), 400.0
CLASSICAL = tuple(INPAINT.classical)
NETWORKS = ("polar", "pixel")
METHODS = CLASSICAL + NETWORKS


def light(noise=0.01, seed=0):
    """A steep corona with two streamers."""
    y, x = np.indices(SHAPE)
    radius, azimuth = np.hypot(x - CENTER[0], y - CENTER[1]), np.arctan2(y - CENTER[1], x - CENTER[0])
    image = 3e5 / np.maximum(radius, 20) ** 1.5 * (1 + 0.2 * np.cos(2 * azimuth))
    image *= 1 + 0.3 * np.exp(-(((azimuth - 0.3) / 0.05) ** 2)) + 0.2 * np.exp(-(((azimuth + 2) / 0.1) ** 2))
    return image * np.random.default_rng(seed).normal(1, noise, SHAPE)


def make_frame(rubbish=0.0, gain=1.0, shift=0.0, noise=0.01, **changes):
    """With a block and a row of blocks that are lost, another that touches the occulter, and neighbours."""
    blind = np.hypot(*(np.indices(SHAPE) - np.reshape(CENTER[::-1], (2, 1, 1)))) < 28
    mask = np.zeros(SHAPE, dtype=bool)
    mask[64:96, 256:288] = mask[224:256, 64:192] = mask[128:160, 128:160] = True
    mask &= ~blind
    truth = gain * (light(noise) + BIAS) + shift
    expected = gain * (1.02 * light(0.0) + BIAS) + shift
    expected = np.where(blind, np.nan, expected)
    options = {"mask": mask, "blind": blind, "center": CENTER, "detector": "C3", "neighbours": expected} | changes
    hidden = options["mask"] | options["blind"]
    return Frame(image=np.where(hidden, rubbish, truth), bias=gain * BIAS + shift, **options)


def part_of(frame, place):
    rows, columns = place
    arrays = {key: getattr(frame, key)[place] for key in ("image", "mask", "blind", "neighbours")}
    return replace(frame, center=(frame.center[0] - columns.start, frame.center[1] - rows.start), **arrays)


def interior(*shape):
    """Far enough from a cutout's edges for windows of classical methods."""
    inside = np.zeros(shape, dtype=bool)
    inside[16:-16, 16:-16] = True
    return inside


@pytest.fixture(scope="module")
def restorers(tmp_path_factory):
    """All methods, among them networks for two views with small numbers at random, which change the first fill."""
    folder = tmp_path_factory.mktemp("weights")
    loaded = {name: load_restorer(INPAINT, name) for name in CLASSICAL}
    for view in NETWORKS:
        generator = torch.Generator().manual_seed(0)
        network = CoronaUNet(widths=[6, 8], view=view)
        with torch.no_grad():
            for parameter in network.parameters():
                spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1
                parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
            network.leave.weight.mul_(0.1)
        hyperparameters = {"architecture": "CoronaUNet", "widths": [6, 8], "view": view}
        metadata = {"task": "inpaint", "architecture": "CoronaUNet", "hyperparameters": hyperparameters}
        write(folder / f"{view}.safetensors", network.state_dict(), metadata)
        loaded[view] = load_restorer(INPAINT, weights=folder / f"{view}.safetensors", device="cpu")
    return loaded


@pytest.fixture(scope="module")
def frame():
    return make_frame()


@pytest.fixture(scope="module")
def noise(frame):
    return find_noise(light(), ~frame.blind)


@pytest.fixture(scope="module")
def filled(frame, restorers):
    """``filled(method)``: the fill of `frame`, made once."""
    known = {}

    def filled(method):
        if method not in known:
            known[method] = fill(frame, restorers[method])
        return known[method].copy()

    return filled


@pytest.mark.parametrize("method", METHODS)
def test_other_pixels_are_kept_bit_by_bit(frame, filled, method):
    result = filled(method)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result[~frame.mask], frame.image[~frame.mask])
    assert np.isfinite(result[frame.mask]).all()


@pytest.mark.parametrize("method", METHODS)
def test_the_corona_goes_on_in_the_holes(frame, filled, method):
    error = filled(method)[frame.mask] / (light(0.0) + BIAS)[frame.mask] - 1
    assert np.sqrt(np.mean(error**2)) < (0.02 if method == "temporal" else 0.2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rubbish", [-1e9, 1e9, np.nan])
def test_what_holes_held_and_blind_pixels_hold_does_not_matter(frame, filled, restorers, method, rubbish):
    found = fill(make_frame(rubbish), restorers[method])
    np.testing.assert_array_equal(found[frame.mask], filled(method)[frame.mask])


@pytest.mark.parametrize("method", METHODS)
def test_nothing_sinks_beside_what_is_blind(frame, filled, method):
    """The block that touches the occulter, of which no pixel is as dark as what hides it."""
    inner = frame.mask.copy()
    inner[:128] = inner[160:] = False
    truth = light(0.0) + BIAS
    assert filled(method)[inner].min() > 0.6 * truth[inner].min()
    assert filled(method)[inner].max() < 1.5 * truth[inner].max()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("gain", "shift"), [(3.0, 0.0), (1.0, 250.0), (0.1, 60.0)])
def test_gain_and_bias_do_not_matter(frame, filled, noise, restorers, method, gain, shift):
    found = (fill(make_frame(gain=gain, shift=shift), restorers[method]) - shift) / gain
    difference = np.abs(found - filled(method))[frame.mask]
    if method in CLASSICAL:
        np.testing.assert_allclose(difference, 0, atol=2e-3)
    else:
        assert (difference / noise[frame.mask]).max() < 0.05


@pytest.mark.parametrize("method", METHODS)
def test_unit_of_level_1_is_as_good_as_counts(frame, filled, restorers, method):
    """1e-13 of the counts is beyond what squares in single precision hold."""
    found = 1e13 * fill(make_frame(gain=1e-13), restorers[method])
    np.testing.assert_allclose(found[frame.mask], filled(method)[frame.mask], rtol=2e-3)


@pytest.mark.parametrize("method", [name for name in CLASSICAL if name != "radial"])
def test_fill_of_a_cutout_is_the_cutout_of_the_fill(frame, filled, restorers, method):
    place = np.s_[30:290, 20:330]
    part = part_of(frame, place)
    found, whole = fill(part, restorers[method]), filled(method)[place]
    inside = part.mask & interior(*part.mask.shape)
    assert inside.sum() > 0.9 * part.mask.sum()
    np.testing.assert_allclose(found[inside], whole[inside], rtol=1e-6)


@pytest.mark.parametrize(("method", "most"), [("radial", 0.5), ("polar", 3.0), ("pixel", 3.0)])
def test_fill_of_a_cutout_agrees_to_the_noise(frame, filled, noise, restorers, method, most):
    """The background and the profile are those of the cutout, and not the same to the last digit."""
    place = np.s_[20:292, 8:340]
    part = part_of(frame, place)
    found, whole = fill(part, restorers[method]), filled(method)[place]
    difference = np.abs(found - whole)[part.mask] / noise[place][part.mask]
    assert np.median(difference) < 0.5 * most
    assert np.sqrt(np.mean(difference**2)) < most


@pytest.mark.parametrize("method", METHODS)
def test_blocks_far_apart_are_filled_each_by_itself(restorers, method):
    both = make_frame()
    alone = both.mask.copy()
    alone[110:] = False
    found = [fill(make_frame(mask=mask), restorers[method]) for mask in (both.mask, alone)]
    near = np.abs(found[0] - found[1])[alone]
    # The background is measured with other valid pixels
    assert near.max() < (1e-6 if method in ("harmonic", "biharmonic", "temporal") else 3)


@pytest.mark.parametrize("view", NETWORKS)
def test_networks_change_the_first_fill(frame, filled, noise, view):
    change = np.abs(filled(view) - filled("harmonic"))[frame.mask] / noise[frame.mask]
    assert change.mean() > 0.3


@pytest.mark.parametrize("method", METHODS)
def test_mirror_images_are_filled_alike(frame, filled, noise, restorers, method):
    """But by a network on the image's own grid, which knows left and right."""
    mirrored = {key: getattr(frame, key)[:, ::-1] for key in ("image", "mask", "blind", "neighbours")}
    found = fill(replace(frame, center=(SHAPE[1] - 1 - CENTER[0], CENTER[1]), **mirrored), restorers[method])[:, ::-1]
    difference = (np.abs(found - filled(method)) / noise)[frame.mask]
    if method in CLASSICAL:
        # Of two blind pixels' nearest neighbours the biharmonic fill takes either
        assert difference.max() < (0.5 if method == "biharmonic" else 0.01)
    elif method == "polar":
        assert np.sqrt(np.mean(difference**2)) < 0.5


@pytest.mark.parametrize("method", ["harmonic", "radial", *NETWORKS])
def test_no_neighbours(frame, filled, restorers, method):
    """Which methods for one image do not look at."""
    found = fill(make_frame(neighbours=None), restorers[method])
    assert np.isfinite(found[frame.mask]).all()
    if method not in NETWORKS:
        np.testing.assert_array_equal(found, filled(method))


@pytest.mark.parametrize("method", METHODS)
def test_blocks_at_edges_and_corners(restorers, method):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:32, :32] = mask[-44:, 160:192] = mask[200:232, -32:] = True
    found = fill(make_frame(mask=mask), restorers[method])
    error = found[mask] / (light(0.0) + BIAS)[mask] - 1
    assert np.abs(error).max() < 0.3


@pytest.mark.parametrize("method", METHODS)
def test_nothing_to_fill(frame, restorers, method):
    nothing = make_frame(mask=np.zeros(SHAPE, dtype=bool))
    np.testing.assert_array_equal(fill(nothing, restorers[method]), nothing.image)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(40, 40), (33, 64)])
def test_tiny_cutouts_of_which_little_is_left(restorers, method, shape):
    mask = np.zeros(shape, dtype=bool)
    mask[1:33, 4:36] = True
    image = 500 + np.random.default_rng(0).normal(0, 3, shape)
    frame = Frame(
        image=np.where(mask, 0, image), mask=mask, blind=np.zeros(shape, dtype=bool), center=(-200.0, 90.0),
        detector="C2", bias=300.0, neighbours=image + 1,
    )  # fmt: skip
    found = fill(frame, restorers[method])
    np.testing.assert_allclose(found, 500, atol=60)
