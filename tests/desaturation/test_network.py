"""The weights of the package, on images that they were not trained on."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import astropy.units as u

import sunpy.map

from sunpy_restore import desaturate, filled
from sunpy_restore.core.numerics.metrics import psnr
from sunpy_restore.core.weights.store import available, read_metadata
from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.detection.saturation import find_saturation
from sunpy_restore.desaturation.forward import FULL_WELL, expose, fringes, paper_damage
from sunpy_restore.desaturation.fringes.report import fringe_residual, fringe_strength


@pytest.fixture(scope="module")
def flare():
    return sunpy.map.Map(sample_path("aia_193_flare"))


@pytest.fixture(scope="module")
def desaturated(flare):
    return desaturate(flare)


@pytest.fixture(scope="module")
def quiet():
    return sunpy.map.Map(sample_path("aia_171_quiet"))


def injected(quiet, peak, seed):
    """A slanted ribbon in the real image, as the instrument would observe it."""
    y, x = np.indices(quiet.data.shape)
    along, across = 0.8 * (x - 130) + 0.6 * (y - 120), 0.8 * (y - 120) - 0.6 * (x - 130)
    source = np.exp(-((along / 6) ** 2) - (across / 2.5) ** 2)
    source *= peak * FULL_WELL / source.max()
    truth = quiet.data + source + fringes(source, 171)
    observed, _ = expose(truth, 171, np.random.default_rng(seed))
    return sunpy.map.Map(observed, quiet.meta), truth


def test_real_flare(flare, desaturated):
    found = find_saturation(flare)
    np.testing.assert_array_equal(filled(desaturated), found.mask)
    np.testing.assert_array_equal(desaturated.data[~found.mask], flare.data[~found.mask])
    assert (desaturated.data[found.primary] >= found.level).all()
    assert desaturated.data.max() > 1.5 * found.level
    # Charge is conserved
    assert desaturated.data[found.mask].sum() == pytest.approx(flare.data[found.mask].sum(), rel=0.02)
    assert desaturated.meta["rstmeth"] == "network+diffraction"
    assert desaturated.meta["rstmodel"] == "desaturate-compact"


def test_fringe_residual_of_the_real_flare_drops(flare, desaturated):
    before, after = (fringe_residual(smap.data, filled(desaturated), 193) for smap in (flare, desaturated))
    continued = desaturate(flare, method="biharmonic")
    assert after < fringe_residual(continued.data, filled(desaturated), 193) < before
    assert fringe_strength(desaturated.data, filled(desaturated), 193) == pytest.approx(1, abs=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("peak", [3.0, 8.0])
def test_hidden_flux_is_recovered(quiet, peak):
    smap, truth = injected(quiet, peak, 0)
    lit = truth >= FULL_WELL
    hidden = (truth[lit] - FULL_WELL).sum()
    result = desaturate(smap)
    assert (result.data[lit] - FULL_WELL).sum() == pytest.approx(hidden, rel=0.15)
    places = [np.argwhere(image == image.max())[0] for image in (result.data, truth)]
    assert np.hypot(*np.subtract(*places)) <= 2


@pytest.mark.slow
def test_network_is_better_than_biharmonic_fill_for_damage_as_in_the_paper(quiet):
    scaled = np.sqrt(np.clip(quiet.data, 0, None))
    image = np.round(255 * np.clip(scaled / np.quantile(scaled, 0.997), 0, 1)) / 255
    damaged, mask = paper_damage(image)
    assert 0.01 < mask.mean() < 0.3
    smap = sunpy.map.Map(damaged, quiet.meta)
    scores = {
        method: psnr(image, desaturate(smap, mask=mask, method=method).data, 1.0, mask)
        for method in ("network", "biharmonic")
    }
    assert scores["network"] > scores["biharmonic"] + 3


@pytest.mark.parametrize("method", ["network", "biharmonic"])
@pytest.mark.parametrize("kind", ["spikes", "cosmic ray", "kernel", "dead pixels"])
def test_outliers_near_a_mask_hardly_change_the_fill(quiet, kind, method):
    cutout = quiet.submap([40, 40] * u.pix, top_right=[159, 159] * u.pix)
    mask = np.zeros(cutout.data.shape, dtype=bool)
    mask[50:66, 52:70] = True
    y, x = np.indices(mask.shape)
    changed = cutout.data.astype(float)
    if kind == "spikes":
        changed[[46, 58, 70], [60, 48, 75]] = 15000
    elif kind == "cosmic ray":
        changed[np.arange(40, 48), np.arange(50, 58)] = 12000
    elif kind == "kernel":
        changed += 9000 * np.exp(-((y - 60) ** 2 + (x - 76) ** 2) / (2 * 0.9**2))
    else:
        changed[[45, 58], [60, 47]] = 0
    expected, found = (
        desaturate(sunpy.map.Map(data, cutout.meta), mask=mask, method=method).data
        for data in (cutout.data.astype(float), changed)
    )
    inner = ndimage.binary_erosion(mask, iterations=2)
    noise = np.sqrt(np.median(cutout.data) / 10 + 1.4)
    # The network also misses what it would have learned from the pixels that are left out
    largest = 2 * noise if method == "network" else noise
    assert np.sqrt(np.mean((found - expected)[inner] ** 2)) < largest
    np.testing.assert_array_equal(found[~mask], changed[~mask])


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.01, 3.0])
@pytest.mark.filterwarnings("ignore:The image is unlike")
@pytest.mark.filterwarnings("ignore:.*masked pixels have the value of saturated ones")
def test_result_is_proportional_to_the_image_for_a_given_mask(quiet, factor):
    smap, _ = injected(quiet, 4.0, 1)
    mask = find_saturation(smap).mask
    one = desaturate(smap, mask=mask).data
    other = desaturate(sunpy.map.Map(factor * smap.data, smap.meta), mask=mask).data
    np.testing.assert_allclose(other, factor * one, rtol=1e-3)


@pytest.mark.slow
def test_commutes_with_a_cutout(quiet):
    smap, _ = injected(quiet, 4.0, 1)
    corners = [30, 20] * u.pix, [235, 225] * u.pix
    whole = desaturate(smap, consistency="none").submap(corners[0], top_right=corners[1])
    part = desaturate(smap.submap(corners[0], top_right=corners[1]), consistency="none")
    np.testing.assert_array_equal(filled(whole), filled(part))
    np.testing.assert_allclose(part.data, whole.data, rtol=1e-3)


@pytest.mark.filterwarnings("ignore:.*masked pixels have the value of saturated ones")
def test_networks_of_the_table_in_the_paper_run(quiet, full_weights):
    smap, _ = injected(quiet, 2.0, 1)
    names = [entry.name for entry in available("desaturate") if "table3" in entry.name]
    assert len(names) == 4
    for name in names:
        recipe = read_metadata(full_weights(name))["recipe"]
        result = desaturate(smap, mask=find_saturation(smap).mask, weights=name, consistency="none")
        assert np.isfinite(result.data).all()
        assert recipe["steps"] == 6_000


def test_scores_of_the_table_in_the_guide_are_those_of_the_weights(full_weights):
    guide = Path(__file__).parents[2] / "docs" / "guide" / "desaturate.rst"
    if not guide.is_file():
        pytest.skip("docs are not here: the tests are not in a clone")
    section = guide.read_text(encoding="utf-8").partition(".. _table3:")[2]
    titles = {
        "batch-l1": "Batch normalization, L1 loss",
        "switch-l1": "Switchable normalization, L1 loss",
        "switch-masked": "Switchable normalization, L1 loss under the mask",
        "switch-masked-edge": "Switchable normalization, L1 loss under the mask and along its edge",
    }
    for name, title in titles.items():
        scores = read_metadata(full_weights(f"desaturate-table3-{name}"))["scores"]["8-bit crops"]["network"]
        shown = section.partition(f"* - {title}\n")[2].split()[1:8:2]
        measured = [scores["psnr"], scores["psnr_whole"], scores["ssim"], 100 * scores["flux_error"]]
        # Half a unit of the last digit, and the rounding of the scores to four digits
        differences = np.abs(np.array(shown, dtype=float) - measured)
        np.testing.assert_array_less(differences, [0.0101, 0.0101, 0.0006, 0.051])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The image is unlike")
def test_faint_cutout_with_a_saturation_level_is_corrected(quiet):
    """Its few distinct values are counts, not a display scale."""
    y, x = np.indices((120, 120))
    source = 3 * FULL_WELL * np.exp(-((x - 60) ** 2 + (y - 60) ** 2) / (2 * 2.0**2))
    image = np.round(np.minimum(20 + 5 * np.sin(x / 9) + source + fringes(source, 171), FULL_WELL) / 200) * 200
    assert len(np.unique(image)) < 256
    result = desaturate(sunpy.map.Map(np.minimum(image, FULL_WELL), quiet.meta))
    assert result.meta["rstmeth"] == "network+diffraction"


def test_single_value_is_no_mask(quiet):
    with pytest.raises(TypeError, match="Found the mask True; expected a boolean array"):
        desaturate(quiet, mask=True)


@pytest.mark.parametrize("side", ["top", "bottom", "left", "right"])
def test_large_holes_at_the_edge_are_not_filled_with_light_from_nowhere(side):
    image = sunpy.map.Map(sample_path("aia_171_quiet"))
    mask = np.zeros(image.data.shape, dtype=bool)
    turns = ["top", "right", "bottom", "left"].index(side)
    turned = np.rot90(mask, turns)
    turned[:70, 20:150] = True
    result = desaturate(image, mask=mask)
    assert result.data[mask].max() <= 2 * image.data[~mask].max()
    assert result.data[mask].mean() == pytest.approx(image.data[mask].mean(), rel=0.5)
