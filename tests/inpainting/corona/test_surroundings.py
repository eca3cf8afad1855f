"""What surrounds holes: known values for simple images, and nothing of what is under the mask."""

from dataclasses import replace

import numpy as np
import pytest

from sunpy_restore.inpainting.corona.surroundings import LAGS, cell_means, variation
from sunpy_restore.inpainting.observation import Observation

SHAPE = (160, 192)
CENTER = (-300.0, 80.0)


def observe(structure=0.0, noise=5.0, seed=0, **changes):
    """A hole of 32 x 64 pixels in an image of constant brightness, times 1 + the structure."""
    mask = np.zeros(SHAPE, dtype=bool)
    mask[64:96, 64:128] = True
    image = 1000 * (1 + structure) + np.random.default_rng(seed).normal(0, noise, SHAPE)
    parts = {"image": np.where(mask, 0, image), "mask": mask, "unobserved": np.zeros_like(mask), "center": CENTER}
    return Observation(**parts | {"detector": "C2"} | changes)


def ray(azimuth=0.0, width=0.01):
    y, x = np.indices(SHAPE)
    return 0.1 * np.exp(-0.5 * ((np.arctan2(y - CENTER[1], x - CENTER[0]) - azimuth) / width) ** 2)


def arc(radius=400.0, width=8.0):
    y, x = np.indices(SHAPE)
    return 0.1 * np.exp(-0.5 * ((np.hypot(y - CENTER[1], x - CENTER[0]) - radius) / width) ** 2)


@pytest.mark.parametrize("noise", [2.0, 10.0])
def test_noise_is_measured(noise):
    found = observe(noise=noise).surroundings
    np.testing.assert_allclose(found.noise, noise, rtol=0.15)
    np.testing.assert_allclose(found.relative_noise, noise / 1000, rtol=0.15)


def test_place_of_pixels():
    found = observe().surroundings
    assert found.distance.min() == 1
    assert found.distance.max() == 16
    assert set(found.blocks) == {2.0}
    y, x = 64 - CENTER[1], 64 - CENTER[0]
    assert found.radius[0] == pytest.approx(np.hypot(y, x) * 11.9 / 960)
    binned = observe(binning=2).surroundings
    assert set(binned.blocks) == {8.0}
    np.testing.assert_allclose(binned.radius, 2 * found.radius)


@pytest.mark.parametrize("lag", LAGS[:2])
@pytest.mark.parametrize("slope", [0.0, 0.3, -2.0])
def test_variation_of_a_slope_is_its_square(lag, slope):
    cells = np.tile(slope * np.arange(40.0), (30, 1))
    known = np.ones(cells.shape, dtype=bool)
    # Along rows there is the slope, along columns there is none
    found = variation(cells, known, lag)
    assert found[15, 20] == pytest.approx((slope * lag) ** 2 / 2, rel=1e-2, abs=1e-6)
    known[10:20, 10:30] = False
    for found in (found, variation(np.where(known, cells, 1e3), known, lag)):
        assert (found <= (slope * lag) ** 2 * 1.001 + 1e-6).all()
        assert (found > 0).all() == (slope != 0)


def test_variation_of_noise_is_twice_its_variance():
    cells = np.random.default_rng(3).normal(0, 3, (80, 80))
    assert variation(cells, np.ones(cells.shape, dtype=bool), 4).mean() == pytest.approx(18, rel=0.05)


def test_means_of_cells():
    image = np.arange(48.0).reshape(6, 8)
    chosen = np.ones(image.shape, dtype=bool)
    chosen[:4, :4] = False
    chosen[0, 0] = True
    found = cell_means(image, chosen)
    assert found.shape == (2, 2)
    assert found[0, 0] == 0
    assert found[0, 1] == pytest.approx(image[:4, 4:].mean())
    assert found[1, 1] == pytest.approx(image[4:, 4:].mean())


def test_gradients_know_rays_from_arcs():
    for structure, larger in ((ray(), 1), (arc(), 0)):
        found = observe(structure).surroundings
        strength = [np.sqrt(found.at(part)).mean() for part in found.gradients[:2]]
        assert strength[larger] > 2 * strength[1 - larger]
        quiet = observe().surroundings
        assert strength[larger] > 3 * np.sqrt(quiet.at(quiet.gradients[larger])).mean()


def test_fills_agree_without_structure():
    """They differ by the noise of the border only."""
    found = observe().surroundings
    apart = [np.abs(fill - found.harmonic)[found.missing].max() for fill in (found.plate, found.radial)]
    assert max(apart) < 1.0
    bent = observe(ray(0.05, 0.02)).surroundings
    assert np.abs(bent.plate - bent.harmonic)[bent.missing].max() > 1.5 * apart[0]


def test_values_under_the_mask_do_not_matter():
    one = observe(ray(), neighbours=1000 * (1 + ray()))
    other = replace(one, image=np.where(one.mask, 1e5, one.image))
    for name in ("noise", "harmonic", "radial", "plate"):
        np.testing.assert_array_equal(getattr(one.surroundings, name), getattr(other.surroundings, name))
    np.testing.assert_array_equal(one.surroundings.expected[2], other.surroundings.expected[2])


def test_mismatch_of_neighbours():
    same, other = (observe(ray(), neighbours=1000 * (1 + part)) for part in (ray() + 0.01, ray(0.1)))
    mismatch = [np.sqrt(np.mean(one.surroundings.expected[2])) for one in (same, other)]
    assert mismatch[0] < 1 < mismatch[1]
    continued, share, _ = same.surroundings.expected
    hole = same.surroundings.missing
    assert (share[hole] == 1).all()
    y, x = np.nonzero(hole)
    level, unit = same.surroundings.level, same.surroundings.unit
    truth = (1000 * (1 + cell_means(ray(), np.ones(SHAPE, dtype=bool))) - level) / unit
    np.testing.assert_allclose(continued[y, x], truth[y, x], atol=1.0)


def test_no_surroundings_without_a_cell():
    mask = np.ones(SHAPE, dtype=bool)
    mask[::8, ::8] = False
    one = observe()
    assert replace(one, mask=mask).surroundings is None
