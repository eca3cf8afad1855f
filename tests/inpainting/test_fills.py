"""First fills: exact where their equations are, untouched where a pixel is valid, and bounded."""

import numpy as np
import pytest

from sunpy_restore.core.diffusion import coherent
from sunpy_restore.core.filling import harmonic
from sunpy_restore.inpainting.channels import PLANES, pixel_planes, polar_planes
from sunpy_restore.inpainting.fills import FILLS, first_fills
from sunpy_restore.inpainting.observation import Frame
from sunpy_restore.inpainting.polar import PolarGrid
from sunpy_restore.inpainting.views import BRIGHTEST, VIEWS

SHAPE = (90, 120)
NO_BLIND = np.zeros(SHAPE, dtype=bool)
Y, X = np.indices(SHAPE).astype(float)
RADIUS = np.hypot(Y + 40, X + 60)
PROFILE = 1e6 / RADIUS**2


def hole(*place):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[place or np.s_[31:62, 40:80]] = True
    return mask


def scales(seed=0):
    """Unit and contrast that have nothing to do with the brightness, and the profile."""
    rng = np.random.default_rng(seed)
    unit = 2 + 0.5 * np.sin(X / 9 + rng.uniform(0, 6))
    return unit, 30 + 5 * np.cos(Y / 11), PROFILE


def brightness_of(fill, unit, contrast, profile):
    return (fill + contrast) * unit


def filled(brightness, mask, blind=NO_BLIND, lost=0.0):
    """All first fills of an image of brightness, as brightness again."""
    unit, contrast, profile = scales()
    deviation = np.where(mask | blind, lost, brightness / unit - contrast)
    fills = first_fills(deviation, mask, blind, unit, contrast, profile)
    assert tuple(fills) == (*FILLS, "coherence")
    assert not fills.pop("coherence").any()
    return {name: brightness_of(fill, unit, contrast, profile) for name, fill in fills.items()}, fills


@pytest.mark.parametrize("name", ["radial", "radial_plate"])
@pytest.mark.parametrize("place", [(), np.s_[20:25, 30:100], np.s_[0:30, 60:100]])
def test_radial_fills_are_exact_on_a_radial_corona(name, place):
    found, _ = filled(0.8 * PROFILE, hole(*place))
    np.testing.assert_allclose(found[name], 0.8 * PROFILE, rtol=1e-6)
    # Which is not so of the others
    assert np.abs(found["image"] / PROFILE - 0.8).max() > 1e-3


@pytest.mark.parametrize("place", [(), np.s_[20:25, 30:100], np.s_[30:60, 39:81]])
def test_plate_and_film_are_exact_on_a_plane(place):
    """A plate but for cells at the border of which a part is known, whose average is off their centre."""
    plane = 400 + 0.7 * X - 1.3 * Y
    found, _ = filled(plane, hole(*place))
    np.testing.assert_allclose(found["plain"], plane, rtol=1e-6)
    whole = place == np.s_[30:60, 39:81]
    np.testing.assert_allclose(found["plate"], plane, rtol=0, atol=1e-4 if whole else 0.5)


def test_plate_bends_where_a_film_does_not():
    """A parabola along one axis: a plate knows the slopes at the border."""
    bowl = 400 + 0.05 * (X - 60) ** 2
    found, _ = filled(bowl, hole())
    errors = {name: np.abs(found[name] - bowl)[hole()].max() for name in ("plain", "plate")}
    assert errors["plate"] < 0.3 * errors["plain"]


def test_film_of_the_deviation_is_that_of_laplace():
    rng = np.random.default_rng(0)
    image, mask = rng.normal(0, 3, SHAPE), hole()
    fills = first_fills(image, mask, NO_BLIND, *scales())
    np.testing.assert_allclose(fills["image"], harmonic(image, mask), rtol=0, atol=1e-6)


def blind_corner():
    blind = np.zeros(SHAPE, dtype=bool)
    blind[:45, :50] = True
    return blind & ~hole()


@pytest.mark.parametrize("blind", [NO_BLIND, blind_corner()], ids=["all seen", "corner hidden"])
@pytest.mark.parametrize("lost", [0.0, 1e9, np.nan])
def test_valid_pixels_stay_and_lost_ones_are_not_looked_at(blind, lost):
    rng = np.random.default_rng(1)
    brightness = PROFILE * rng.normal(1, 0.05, SHAPE)
    mask = hole()
    unit, contrast, _ = scales()
    image = np.where(mask | blind, 0, brightness / unit - contrast).clip(-BRIGHTEST, BRIGHTEST)
    fills = first_fills(np.where(mask | blind, lost, image), mask, blind, *scales())
    again = first_fills(image, mask, blind, *scales())
    for name in FILLS:
        np.testing.assert_array_equal(fills[name][~mask], image[~mask], err_msg=name)
        np.testing.assert_array_equal(fills[name], again[name], err_msg=name)
        assert np.isfinite(fills[name]).all(), name


@pytest.mark.parametrize("seed", range(4))
def test_fills_stay_within_what_is_valid(seed):
    """Also a plate over a hole that is wide, ragged and at the edge of what is hidden; islands are zero."""
    rng = np.random.default_rng(seed)
    brightness = PROFILE * rng.normal(1, 0.2, SHAPE)
    mask = np.kron(rng.random((9, 12)) < 0.6, np.ones((10, 10), dtype=bool))
    blind = blind_corner() & ~mask
    found, _ = filled(brightness, mask, blind)
    for name, scale in (("plain", 1), ("plate", 1), ("radial", PROFILE), ("radial_plate", PROFILE)):
        valid = (brightness / scale)[~(mask | blind)]
        values = (found[name] / scale)[mask]
        values = values[values != 0]
        assert valid.min() * (1 - 1e-6) <= values.min() <= values.max() <= valid.max() * (1 + 1e-6), name


def test_deviations_are_cut_as_those_of_the_view():
    unit, contrast, profile = np.full(SHAPE, 1e-3), np.zeros(SHAPE), np.ones(SHAPE)
    image = np.full(SHAPE, 5.0)
    image[:, 60:] = BRIGHTEST
    unit[40:] = 1e-9
    for fill in first_fills(image, hole(), NO_BLIND, unit, contrast, profile).values():
        assert np.abs(fill).max() <= BRIGHTEST


def test_views_without_a_background_have_one_fill():
    image = np.random.default_rng(0).normal(size=SHAPE)
    fills = first_fills(image, hole(), NO_BLIND)
    for name in FILLS:
        np.testing.assert_array_equal(fills[name], harmonic(image, hole(), NO_BLIND), err_msg=name)


@pytest.mark.parametrize("kind", ["nothing lost", "nothing valid", "an island"])
def test_where_there_is_nothing_to_fill_from(kind):
    mask, blind = hole(), NO_BLIND
    if kind == "nothing lost":
        mask = NO_BLIND
    elif kind == "nothing valid":
        blind = ~mask
    else:
        blind = ~mask & (Y < 80)
    fills = first_fills(np.full(SHAPE, 3.0), mask, blind, *scales())
    for name, fill in fills.items():
        assert np.isfinite(fill).all(), name
    for name in FILLS:
        fill = fills[name]
        assert (fill[~(mask | blind)] == 3).all(), name
        assert not fill[blind].any(), name


CENTER, WIDE = (150.3, 142.8), (300, 320)


def corona(kind):
    """A frame with a block lost where a corona is radial, or a plane."""
    y, x = np.indices(WIDE)
    truth = 3e5 / np.maximum(np.hypot(x - CENTER[0], y - CENTER[1]), 15) ** 1.5
    truth = truth if kind == "radial" else 900 + 0.8 * x - 1.1 * y
    mask = np.zeros(WIDE, dtype=bool)
    mask[160:192, 224:256] = True
    blind = np.hypot(x - CENTER[0], y - CENTER[1]) < 20
    frame = Frame(image=np.where(mask | blind, 0, truth), mask=mask, blind=blind, center=CENTER, detector="C2")
    return frame, truth


@pytest.mark.parametrize(("kind", "name"), [("radial", "radial"), ("radial", "radial_plate"), ("plane", "plate")])
def test_planes_of_both_grids_hold_them(kind, name):
    """Brought back to pixels they are the truth, but for the sampling and the width of the profile's rings."""
    frame, truth = corona(kind)
    rows, columns = np.nonzero(frame.mask)
    view = VIEWS["polar"](frame)
    index = PLANES.index(name)
    pixels = pixel_planes(frame, view, np.s_[:, :])[index][frame.mask]
    grid = PolarGrid.around(rows, columns, WIDE, CENTER, 40)
    planes = polar_planes(frame, view, grid)
    polar = grid.at_pixels(planes[index], planes[PLANES.index("blind")] == 0, rows, columns)
    for found in (pixels, polar):
        error = view.back(found, rows, columns) / truth[frame.mask] - 1
        assert np.abs(error).max() < 0.01
    np.testing.assert_allclose(view.unit[frame.mask] * (pixels - polar), 0, atol=0.006 * truth[frame.mask].max())


def test_rings_and_rays_go_on_along_their_directions():
    """On a log-polar grid rows are rings; a front is one of them, a streamer a column."""
    mask, (unit, contrast, _) = hole(), scales()
    front, streamer = 400 + 80 * np.exp(-(((Y - 46) / 4) ** 2)), 400 + 80 * np.exp(-(((X - 60) / 4) ** 2))
    errors = {}
    for kind, brightness in (("rings", front), ("rays", streamer)):
        deviation = np.where(mask, 0, brightness / unit - contrast)
        fills = first_fills(deviation, mask, NO_BLIND, unit, contrast, np.ones(SHAPE), polar=True)
        for name, fill in fills.items():
            errors[kind, name] = np.abs(brightness_of(fill, unit, contrast, None) - brightness)[mask].mean()
    for kind in ("rings", "rays"):
        assert errors[kind, kind] < 0.55 * min(errors[kind, name] for name in ("plain", "plate", "radial_plate"))


def test_coherent_fill_follows_what_is_neither_ring_nor_ray():
    mask, unit, contrast = hole(), np.full(SHAPE, 8.0), np.full(SHAPE, 30.0)
    brightness = 3000 + 800 * np.exp(-(((Y - 46 - 0.6 * (X - 60)) / 4) ** 2))
    deviation = np.where(mask, 0, brightness / unit - contrast)
    fills = first_fills(deviation, mask, NO_BLIND, unit, contrast, np.ones(SHAPE), polar=True)
    assert fills.pop("coherence")[mask].min() > 0.7
    errors = {
        name: np.abs(brightness_of(fill, unit, contrast, None) - brightness)[mask].mean()
        for name, fill in fills.items()
    }
    assert errors.pop("coherent") < 0.5 * min(errors.values())


def test_the_tail_of_a_comet_does_not_go_on_through_a_hole():
    """A line a thousand times the noise, which ends at the border of the hole or anywhere in it."""
    image = 1500 * np.exp(-(((Y - 45) / 4) ** 2)) * (X < 60)
    fills = first_fills(image, hole(), NO_BLIND, np.ones(SHAPE), np.full(SHAPE, 30.0), np.ones(SHAPE), polar=True)
    alone = coherent(image, hole())[0]
    assert (alone - fills["image"])[hole()].max() > 200
    assert np.abs(fills["coherent"] - fills["image"]).max() == pytest.approx(120)


def test_without_a_polar_grid_films_have_no_direction():
    _, fills = filled(500 + 40 * np.sin(X / 7), hole())
    np.testing.assert_array_equal(fills["coherent"], fills["image"])
    np.testing.assert_array_equal(fills["rings"], fills["plain"])
    np.testing.assert_array_equal(fills["rays"], fills["radial"])
