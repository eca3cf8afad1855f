"""From arrays to arrays: windows, the level, cores that shine into each other's surroundings."""

import numpy as np
import pytest

from sunpy_restore.core.restorer import load_restorer
from sunpy_restore.desaturation import filling as module
from sunpy_restore.desaturation.filling import MARGIN, Exposure, agreeing, first_fill
from sunpy_restore.desaturation.forward import bloom
from sunpy_restore.desaturation.saturation import margin
from sunpy_restore.desaturation.task import DESATURATE

WELL = 16383.0


def exposure_of(observed, truth, channel=193):
    full = observed >= WELL
    return Exposure(
        image=observed, mask=margin(full), full=full, primary=full & (truth >= WELL), level=WELL, channel=channel
    )


def filled_by(method, exposure):
    return first_fill(exposure, load_restorer(DESATURATE, method))


def hidden(fill, truth):
    over = truth > WELL
    return (fill[over] - WELL).sum() / (truth[over] - WELL).sum()


@pytest.fixture(scope="module")
def case(make_flare):
    observed, truth = make_flare()
    return exposure_of(observed, truth), truth


@pytest.mark.parametrize("method", ["biharmonic", "diffraction"])
def test_first_fill_changes_the_mask_alone(case, method):
    exposure, _ = case
    before = exposure.image.copy()
    filled, start = filled_by(method, exposure)
    for image in (filled, start):
        assert image.dtype == np.float64
        np.testing.assert_array_equal(image[~exposure.mask], exposure.image[~exposure.mask])
        assert np.isfinite(image).all()
    np.testing.assert_array_equal(exposure.image, before)
    assert (filled[exposure.primary] >= WELL).all()
    assert start[exposure.mask].max() < WELL


def test_level_is_kept_only_where_it_is_known(case):
    exposure, _ = case
    filled, _ = filled_by("biharmonic", Exposure(image=exposure.image, mask=exposure.mask))
    assert filled[exposure.mask].max() < WELL


def test_first_fill_looks_no_farther_than_its_margin(make_flare):
    observed, truth = make_flare((500, 500), [(250, 250)])
    exposure = exposure_of(observed, truth)
    rows, columns = np.nonzero(exposure.mask)
    near = np.zeros_like(exposure.mask)
    near[rows.min() - MARGIN : rows.max() + MARGIN + 1, columns.min() - MARGIN : columns.max() + MARGIN + 1] = True
    other = exposure_of(np.where(near, observed, 1.0), truth)
    for method in ("biharmonic", "diffraction"):
        one, two = (filled_by(method, either)[0] for either in (exposure, other))
        np.testing.assert_array_equal(one[exposure.mask], two[exposure.mask])


def test_every_core_is_filled(make_flare):
    observed, truth = make_flare((300, 420), [(60, 60), (60, 350), (240, 200), (70, 75)])
    exposure = exposure_of(observed, truth)
    filled, start = filled_by("diffraction", exposure)
    corrected = agreeing(exposure, filled, start, sceptical=False)
    for image in (filled, corrected):
        assert (image[exposure.primary] >= WELL).all()
        np.testing.assert_array_equal(image[~exposure.mask], observed[~exposure.mask])
    for row, column in ((60, 60), (60, 350), (240, 200)):
        box = np.s_[max(row - 25, 0) : row + 25, max(column - 25, 0) : column + 25]
        assert 0.5 < hidden(corrected[box], truth[box]) < 1.6


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_agreement_brings_a_wrong_fill_nearer_to_the_truth(case, factor):
    exposure, truth = case
    start = filled_by("biharmonic", exposure)[1]
    wrong = np.where(exposure.mask, start + factor * (truth - start), exposure.image)
    corrected = agreeing(exposure, wrong, start, sceptical=False)
    before, after = (abs(np.log(hidden(fill, truth))) for fill in (wrong, corrected))
    assert after < 0.6 * before


def test_agreement_leaves_its_arguments_alone(case):
    exposure, _ = case
    filled, start = filled_by("diffraction", exposure)
    copies = exposure.image.copy(), filled.copy(), start.copy()
    agreeing(exposure, filled, start)
    for one, two in zip(copies, (exposure.image, filled, start), strict=True):
        np.testing.assert_array_equal(one, two)


def test_charge_is_conserved_where_wells_have_spilt(make_flare):
    _, truth = make_flare()
    exposure = exposure_of(bloom(truth), truth)
    assert (exposure.full & ~exposure.primary).any()
    _, start = filled_by("biharmonic", exposure)
    fill = agreeing(exposure, np.where(exposure.mask, start + 0.7 * (truth - start), exposure.image), start)
    columns = exposure.full.any(axis=0)
    held, found = (np.where(exposure.mask, image, 0).sum(axis=0)[columns] for image in (exposure.image, fill))
    np.testing.assert_allclose(found, held, rtol=0.02)
    assert hidden(fill, truth) == pytest.approx(1, abs=0.2)


def test_charge_that_the_converter_has_clipped_is_not_conserved(case):
    exposure, _ = case
    fill = agreeing(exposure, *filled_by("diffraction", exposure), sceptical=False)
    assert fill[exposure.mask].sum() > 1.3 * exposure.image[exposure.mask].sum()


@pytest.mark.parametrize("place", [(3, 120), (217, 236), (110, 2)])
def test_cores_at_the_edges_of_the_image(make_flare, place):
    observed, truth = make_flare(places=[place])
    exposure = exposure_of(observed, truth)
    fill = agreeing(exposure, *filled_by("diffraction", exposure), sceptical=False)
    assert np.isfinite(fill).all()
    assert 0.2 < hidden(fill, truth) < 3


def test_surroundings_are_the_image_about_a_core_and_tell_what_is_valid(case):
    """Of the shape that the fit expects, also where the image ends."""
    exposure, _ = case
    filled, _ = filled_by("diffraction", exposure)
    (cluster,) = module.damaged_windows(exposure.mask, 0, gap=64)
    image, valid = module._surroundings(exposure, filled, cluster)
    assert image.shape == valid.shape == tuple(n + 2 * module.REACH for n in cluster.own.shape)
    assert np.isfinite(image).all()
    assert valid.sum() == np.count_nonzero(~exposure.mask)
