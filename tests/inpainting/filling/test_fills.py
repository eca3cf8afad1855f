"""First fills: exact for solutions of their equations, bounded, and without changes of valid pixels."""

import numpy as np
import pytest

from sunpy_restore.core.numerics.diffusion import edge_enhancing_diffusion
from sunpy_restore.core.numerics.filling import harmonic
from sunpy_restore.inpainting.filling.channels import CHANNELS, pixel_channels, polar_channels
from sunpy_restore.inpainting.filling.fills import FILLS, first_fills
from sunpy_restore.inpainting.filling.polar import PolarGrid
from sunpy_restore.inpainting.filling.views import LARGEST_DEVIATION, VIEWS
from sunpy_restore.inpainting.observation import Observation

SHAPE = (90, 120)
ALL_OBSERVED = np.zeros(SHAPE, dtype=bool)
Y, X = np.indices(SHAPE).astype(float)
RADIUS = np.hypot(Y + 40, X + 60)
PROFILE = 1e6 / RADIUS**2


def hole(*place):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[place or np.s_[31:62, 40:80]] = True
    return mask


def scales(seed=0):
    """Unit and contrast that are unrelated to the brightness, and the profile."""
    rng = np.random.default_rng(seed)
    unit = 2 + 0.5 * np.sin(X / 9 + rng.uniform(0, 6))
    return unit, 30 + 5 * np.cos(Y / 11), PROFILE


def brightness_of(fill, unit, contrast, profile):
    return (fill + contrast) * unit


def filled(brightness, mask, unobserved=ALL_OBSERVED, lost=0.0):
    """All first fills of an image in units of brightness."""
    unit, contrast, profile = scales()
    deviation = np.where(mask | unobserved, lost, brightness / unit - contrast)
    fills = first_fills(deviation, mask, unobserved, unit, contrast, profile)
    assert tuple(fills) == (*FILLS, "coherence")
    assert not fills.pop("coherence").any()
    return {name: brightness_of(fill, unit, contrast, profile) for name, fill in fills.items()}, fills


@pytest.mark.parametrize("name", ["radial", "radial_plate"])
@pytest.mark.parametrize("place", [(), np.s_[20:25, 30:100], np.s_[0:30, 60:100]])
def test_radial_fills_are_exact_on_a_radial_corona(name, place):
    found, _ = filled(0.8 * PROFILE, hole(*place))
    np.testing.assert_allclose(found[name], 0.8 * PROFILE, rtol=1e-6)
    # The harmonic fill of the deviation is not
    assert np.abs(found["image"] / PROFILE - 0.8).max() > 1e-3


@pytest.mark.parametrize("place", [(), np.s_[20:25, 30:100], np.s_[30:60, 39:81]])
def test_thin_plate_and_harmonic_fill_are_exact_on_linear_images(place):
    """Except for the plate in cells that are known in part, whose average is not that of their centre."""
    ramp = 400 + 0.7 * X - 1.3 * Y
    found, _ = filled(ramp, hole(*place))
    np.testing.assert_allclose(found["plain"], ramp, rtol=1e-6)
    whole = place == np.s_[30:60, 39:81]
    np.testing.assert_allclose(found["plate"], ramp, rtol=0, atol=1e-4 if whole else 0.5)


def test_thin_plate_continues_curved_images():
    """A parabola along one axis: the plate continues the slopes at the border."""
    bowl = 400 + 0.05 * (X - 60) ** 2
    found, _ = filled(bowl, hole())
    errors = {name: np.abs(found[name] - bowl)[hole()].max() for name in ("plain", "plate")}
    assert errors["plate"] < 0.3 * errors["plain"]


def test_fill_of_the_deviation_solves_laplaces_equation():
    rng = np.random.default_rng(0)
    image, mask = rng.normal(0, 3, SHAPE), hole()
    fills = first_fills(image, mask, ALL_OBSERVED, *scales())
    np.testing.assert_allclose(fills["image"], harmonic(image, mask), rtol=0, atol=1e-6)


def unobserved_corner():
    unobserved = np.zeros(SHAPE, dtype=bool)
    unobserved[:45, :50] = True
    return unobserved & ~hole()


@pytest.mark.parametrize("unobserved", [ALL_OBSERVED, unobserved_corner()], ids=["all observed", "corner unobserved"])
@pytest.mark.parametrize("lost", [0.0, 1e9, np.nan])
def test_valid_pixels_stay_and_missing_values_are_ignored(unobserved, lost):
    rng = np.random.default_rng(1)
    brightness = PROFILE * rng.normal(1, 0.05, SHAPE)
    mask = hole()
    unit, contrast, _ = scales()
    image = np.where(mask | unobserved, 0, brightness / unit - contrast).clip(-LARGEST_DEVIATION, LARGEST_DEVIATION)
    fills = first_fills(np.where(mask | unobserved, lost, image), mask, unobserved, *scales())
    again = first_fills(image, mask, unobserved, *scales())
    for name in FILLS:
        np.testing.assert_array_equal(fills[name][~mask], image[~mask], err_msg=name)
        np.testing.assert_array_equal(fills[name], again[name], err_msg=name)
        assert np.isfinite(fills[name]).all(), name


@pytest.mark.parametrize("seed", range(4))
def test_fills_stay_within_the_range_of_valid_pixels(seed):
    """Also the plate in large ragged holes next to unobserved pixels; holes without valid neighbours are zero."""
    rng = np.random.default_rng(seed)
    brightness = PROFILE * rng.normal(1, 0.2, SHAPE)
    mask = np.kron(rng.random((9, 12)) < 0.6, np.ones((10, 10), dtype=bool))
    unobserved = unobserved_corner() & ~mask
    found, _ = filled(brightness, mask, unobserved)
    for name, scale in (("plain", 1), ("plate", 1), ("radial", PROFILE), ("radial_plate", PROFILE)):
        valid = (brightness / scale)[~(mask | unobserved)]
        values = (found[name] / scale)[mask]
        values = values[values != 0]
        assert valid.min() * (1 - 1e-6) <= values.min() <= values.max() <= valid.max() * (1 + 1e-6), name


def test_deviations_are_clipped_as_in_the_view():
    unit, contrast, profile = np.full(SHAPE, 1e-3), np.zeros(SHAPE), np.ones(SHAPE)
    image = np.full(SHAPE, 5.0)
    image[:, 60:] = LARGEST_DEVIATION
    unit[40:] = 1e-9
    for fill in first_fills(image, hole(), ALL_OBSERVED, unit, contrast, profile).values():
        assert np.abs(fill).max() <= LARGEST_DEVIATION


def test_views_without_a_background_have_equal_fills():
    image = np.random.default_rng(0).normal(size=SHAPE)
    fills = first_fills(image, hole(), ALL_OBSERVED)
    for name in FILLS:
        np.testing.assert_array_equal(fills[name], harmonic(image, hole(), ALL_OBSERVED), err_msg=name)


@pytest.mark.parametrize("kind", ["no hole", "nothing valid", "no valid neighbour"])
def test_fills_without_valid_pixels(kind):
    mask, unobserved = hole(), ALL_OBSERVED
    if kind == "no hole":
        mask = ALL_OBSERVED
    elif kind == "nothing valid":
        unobserved = ~mask
    else:
        unobserved = ~mask & (Y < 80)
    fills = first_fills(np.full(SHAPE, 3.0), mask, unobserved, *scales())
    for name, fill in fills.items():
        assert np.isfinite(fill).all(), name
    for name in FILLS:
        fill = fills[name]
        assert (fill[~(mask | unobserved)] == 3).all(), name
        assert not fill[unobserved].any(), name


CENTER, WIDE = (150.3, 142.8), (300, 320)


def corona(kind):
    """An image with a missing block in a radial or a linear corona."""
    y, x = np.indices(WIDE)
    truth = 3e5 / np.maximum(np.hypot(x - CENTER[0], y - CENTER[1]), 15) ** 1.5
    truth = truth if kind == "radial" else 900 + 0.8 * x - 1.1 * y
    mask = np.zeros(WIDE, dtype=bool)
    mask[160:192, 224:256] = True
    unobserved = np.hypot(x - CENTER[0], y - CENTER[1]) < 20
    observation = Observation(
        image=np.where(mask | unobserved, 0, truth), mask=mask, unobserved=unobserved, center=CENTER, detector="C2"
    )
    return observation, truth


@pytest.mark.parametrize(("kind", "name"), [("radial", "radial"), ("radial", "radial_plate"), ("linear", "plate")])
def test_channels_of_both_grids_contain_the_fills(kind, name):
    """As brightness they agree with the truth, except for the sampling and the width of the rings of the profile."""
    observation, truth = corona(kind)
    rows, columns = np.nonzero(observation.mask)
    view = VIEWS["polar"](observation)
    index = CHANNELS.index(name)
    pixels = pixel_channels(observation, view, np.s_[:, :])[index][observation.mask]
    grid = PolarGrid.around(rows, columns, WIDE, CENTER, 40)
    channels = polar_channels(observation, view, grid)
    polar = grid.at_pixels(channels[index], channels[CHANNELS.index("unobserved")] == 0, rows, columns)
    for found in (pixels, polar):
        error = view.back(found, rows, columns) / truth[observation.mask] - 1
        assert np.abs(error).max() < 0.01
    np.testing.assert_allclose(
        view.unit[observation.mask] * (pixels - polar), 0, atol=0.006 * truth[observation.mask].max()
    )


def test_directional_fills_continue_rings_and_rays():
    """On a log-polar grid a front is a row and a streamer is a column."""
    mask, (unit, contrast, _) = hole(), scales()
    front, streamer = 400 + 80 * np.exp(-(((Y - 46) / 4) ** 2)), 400 + 80 * np.exp(-(((X - 60) / 4) ** 2))
    errors = {}
    for kind, brightness in (("rings", front), ("rays", streamer)):
        deviation = np.where(mask, 0, brightness / unit - contrast)
        fills = first_fills(deviation, mask, ALL_OBSERVED, unit, contrast, np.ones(SHAPE), polar=True)
        for name, fill in fills.items():
            errors[kind, name] = np.abs(brightness_of(fill, unit, contrast, None) - brightness)[mask].mean()
    for kind in ("rings", "rays"):
        assert errors[kind, kind] < 0.55 * min(errors[kind, name] for name in ("plain", "plate", "radial_plate"))


def test_edge_enhancing_diffusion_continues_oblique_lines():
    mask, unit, contrast = hole(), np.full(SHAPE, 8.0), np.full(SHAPE, 30.0)
    brightness = 3000 + 800 * np.exp(-(((Y - 46 - 0.6 * (X - 60)) / 4) ** 2))
    deviation = np.where(mask, 0, brightness / unit - contrast)
    fills = first_fills(deviation, mask, ALL_OBSERVED, unit, contrast, np.ones(SHAPE), polar=True)
    assert fills.pop("coherence")[mask].min() > 0.7
    errors = {
        name: np.abs(brightness_of(fill, unit, contrast, None) - brightness)[mask].mean()
        for name, fill in fills.items()
    }
    assert errors.pop("edge_enhancing_diffusion") < 0.5 * min(errors.values())


def test_tails_of_comets_do_not_continue_through_a_hole():
    """Lines of a thousand times the noise that end at the border of the hole or in it."""
    image = 1500 * np.exp(-(((Y - 45) / 4) ** 2)) * (X < 60)
    fills = first_fills(image, hole(), ALL_OBSERVED, np.ones(SHAPE), np.full(SHAPE, 30.0), np.ones(SHAPE), polar=True)
    alone = edge_enhancing_diffusion(image, hole())[0]
    assert (alone - fills["image"])[hole()].max() > 200
    assert np.abs(fills["edge_enhancing_diffusion"] - fills["image"]).max() == pytest.approx(120)


def test_fills_on_pixels_have_no_direction():
    _, fills = filled(500 + 40 * np.sin(X / 7), hole())
    np.testing.assert_array_equal(fills["edge_enhancing_diffusion"], fills["image"])
    np.testing.assert_array_equal(fills["rings"], fills["plain"])
    np.testing.assert_array_equal(fills["rays"], fills["radial"])
