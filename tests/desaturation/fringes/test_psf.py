"""Comparison of the diffraction pattern with aiapy: whole, and by spots on the real detector."""

import importlib
import os
import subprocess
import sys
import types

import numpy as np
import pytest

import astropy.units as u

from sunpy_restore.desaturation.fringes import psf
from sunpy_restore.desaturation.fringes.psf import EUV_CHANNELS, RADIUS, fringe_kernel, mesh_psf

aiapy_psf = importlib.import_module("aiapy.psf.psf")
CHANNELS = [
    channel if channel in (193, 304) else pytest.param(channel, marks=pytest.mark.slow) for channel in EUV_CHANNELS
]


@pytest.fixture
def fresh_caches():
    """Results for other constants must not be cached."""
    mesh_psf.cache_clear()
    yield
    mesh_psf.cache_clear()


def parameters(channel):
    mesh = aiapy_psf.filter_mesh_parameters()[channel * u.angstrom]
    ratio = (mesh["mesh_pitch"] / mesh["mesh_width"]).to_value(u.dimensionless_unscaled)
    return mesh["angle_arm"].to_value(u.rad), mesh["spacing_e"].value, mesh["spacing_fp"].value, ratio


@pytest.mark.parametrize("channel", EUV_CHANNELS)
def test_table_of_the_meshes_is_that_of_aiapy(channel):
    mesh = aiapy_psf.filter_mesh_parameters()[channel * u.angstrom]
    angles, entrance, focal_plane = psf._meshes()[channel]
    assert angles == mesh["angle_arm"].to_value(u.deg).tolist()
    assert (entrance, focal_plane) == (mesh["spacing_e"].value, mesh["spacing_fp"].value)
    assert (psf._PITCH, psf._WIRE) == (mesh["mesh_pitch"].to_value(u.um), mesh["mesh_width"].to_value(u.um))
    assert psf._STEEPNESS == mesh["width"].value


def test_all_channels_are_in_the_table():
    assert tuple(psf._meshes()) == EUV_CHANNELS


def test_desaturates_without_aiapy():
    """A module that is None in sys.modules cannot be imported."""
    code = (
        "import sys; sys.modules['aiapy'] = None\n"
        "from sunpy.map import Map\n"
        "from sunpy_restore import desaturate, filled\n"
        "from sunpy_restore.data import sample_path\n"
        "result = desaturate(Map(sample_path('aia_193_flare')), method='diffraction')\n"
        "assert filled(result).any()\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


@pytest.mark.parametrize("channel", CHANNELS)
def test_equals_aiapy(channel, fresh_caches, monkeypatch):
    """aiapy before 0.11 takes minutes on 4096 x 4096 pixels, and uses 256 x 256 here; later releases cannot be told."""
    radius = 48
    if hasattr(aiapy_psf, "calculate_psf"):
        side, orders = 4096, np.arange(-3, 4)
        expected = aiapy_psf.calculate_psf(channel * u.angstrom, diffraction_orders=orders)
    else:
        side, orders = 256, np.arange(-25, 26)
        small = types.SimpleNamespace(**vars(np) | {"zeros": lambda shape, dtype: np.zeros((side, side), dtype)})
        monkeypatch.setattr(aiapy_psf, "np", small)
        expected = aiapy_psf.psf(channel * u.angstrom, diffraction_orders=orders)
    monkeypatch.setattr(psf, "_DETECTOR", side)
    monkeypatch.setattr(psf, "_ORDERS", orders)
    assert expected.shape == (side, side)
    middle = slice(side // 2 - radius, side // 2 + radius + 1)
    np.testing.assert_allclose(mesh_psf(channel, radius), expected[middle, middle], atol=1e-12)


@pytest.mark.parametrize("channel", CHANNELS)
def test_spots_of_the_entrance_mesh(channel):
    """Order m of an arm lies at m times the spacing, with an intensity of sinc^2; all orders together have 18 %."""
    angles, spacing, _, ratio = parameters(channel)
    kernel = mesh_psf(channel)
    orders = np.arange(1, 101)
    intensity = np.sinc(orders / ratio) ** 2
    places = orders[:, None, None] * spacing * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    # Spots are narrower than the pixels at whose centres they are sampled, so their sum depends on the position
    nodes = np.round(places)[..., None] + np.arange(-4, 5)
    light = intensity[:, None] * np.exp(-4.5 * (nodes - places[..., None]) ** 2).sum(axis=3).prod(axis=2)
    light *= 0.18 / (2 * light[np.abs(places).max(axis=2) < 2048].sum())
    # Orders whose spots are isolated and not much fainter than others
    clear = (orders * spacing > 80) & (orders * spacing < 300) & (intensity > 0.02)
    assert clear.sum() >= 3
    rows, columns = np.indices((9, 9)) - 4
    for order in orders[clear]:
        for (y, x), expected in zip(places[order - 1], light[order - 1], strict=True):
            top, left = round(y) + RADIUS - 4, round(x) + RADIUS - 4
            part = kernel[top : top + 9, left : left + 9]
            assert (part * rows).sum() / part.sum() + round(y) == pytest.approx(y, abs=0.35)
            assert (part * columns).sum() / part.sum() + round(x) == pytest.approx(x, abs=0.35)
            # The focal mesh moves some of the light away, and some light of other spots here
            assert part.sum() == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("channel", CHANNELS)
def test_shape_and_sum(channel):
    kernel = mesh_psf(channel)
    assert kernel.shape == (2 * RADIUS + 1,) * 2
    assert kernel.argmax() == kernel.size // 2
    assert kernel.min() >= 0
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-12)
    assert 0.98 < kernel.sum() < 1
    with pytest.raises(ValueError, match="read-only"):
        kernel[0, 0] = 1


def test_sum_over_the_detector_is_one():
    assert mesh_psf(94, 800).sum() == pytest.approx(1, abs=2e-4)


def test_smaller_radius_is_a_cutout():
    middle = slice(RADIUS - 60, RADIUS + 61)
    np.testing.assert_allclose(mesh_psf(171, 60), mesh_psf(171)[middle, middle], atol=1e-14)


@pytest.mark.parametrize("channel", CHANNELS)
def test_fringe_kernel(channel):
    """Zero in the core; elsewhere relative to the light in the core, and a quarter to a third of it in total."""
    kernel, whole = fringe_kernel(channel), mesh_psf(channel)
    core = np.zeros(kernel.shape, dtype=bool)
    core[RADIUS - 1 : RADIUS + 2, RADIUS - 1 : RADIUS + 2] = True
    assert not kernel[core].any()
    np.testing.assert_allclose(kernel[~core] * whole[core].sum(), whole[~core])
    assert 0.24 < kernel.sum() < 0.35
    with pytest.raises(ValueError, match="read-only"):
        kernel[0, 0] = 1


@pytest.mark.slow
def test_longer_wavelengths_are_diffracted_farther():
    """The first order lies at the wavelength divided by the pitch."""
    spacing = [parameters(channel)[1] for channel in EUV_CHANNELS]
    assert spacing == sorted(spacing)
    sums = [fringe_kernel(channel).sum() for channel in EUV_CHANNELS]
    assert sums == sorted(sums)


@pytest.mark.parametrize("wrong", [1600, 195, "171", None])
def test_channels_without_a_mesh_are_refused(wrong):
    with pytest.raises(ValueError, match="expected one of 94, 131, 171, 193, 211, 304, 335 angstrom"):
        mesh_psf(wrong)
    with pytest.raises(ValueError, match="expected one of"):
        fringe_kernel(wrong)
