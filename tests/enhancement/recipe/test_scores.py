"""Scores of restored images."""

import numpy as np
import pytest
import torch

from sunpy_restore.enhancement.optics.forward import reconvolve
from sunpy_restore.enhancement.optics.telescope import HMI
from sunpy_restore.enhancement.recipe.losses import restoration_loss
from sunpy_restore.enhancement.recipe.scores import BANDS, EDGE, measure

TASK = "enhance-continuum"


def pair(ny=80, nx=72, seed=0):
    """Observation and truth of a smooth scene, which the instrument changes little."""
    y, x = np.mgrid[:ny, :nx] / 20
    truth = 1 + 0.1 * np.sin(x + seed) * np.cos(y)
    return reconvolve(truth), truth


def test_the_truth_has_perfect_scores():
    observed, truth = pair()
    found = measure(TASK, observed, truth, truth)
    assert found["psnr"] == np.inf
    assert found["contrast"] == pytest.approx(1)
    for key in ("nmse", "residual", "mean_error"):
        assert found[key] == pytest.approx(0, abs=1e-9)
    assert "net_flux_error" not in found


def test_scores_of_a_known_error():
    observed, truth = pair()
    offset = measure(TASK, observed, truth - 0.05, truth)
    assert offset["mean_error"] == pytest.approx(-0.05)
    assert offset["residual"] == pytest.approx(0.05, rel=0.05)
    assert offset["contrast"] == pytest.approx(1)
    inner = truth[2 * 9 : -2 * 9, 2 * 9 : -2 * 9]  # the border is a quarter of the 36 observed pixels
    assert offset["nmse"] == pytest.approx(0.05**2 / inner.var())
    assert offset["psnr"] == pytest.approx(20 * np.log10(np.ptp(inner) / 0.05))
    assert measure(TASK, observed, 1 + 1.3 * (truth - 1), truth)["contrast"] == pytest.approx(1.3)


def test_edges_are_not_scored():
    observed, truth = pair(160, 120)
    restored = truth + 0.01
    inner = slice(2 * EDGE, -2 * EDGE)
    frame = np.full(truth.shape, 1e3)
    frame[inner, inner] = truth[inner, inner]
    assert measure(TASK, observed, restored, frame) == measure(TASK, observed, restored, truth)


def test_flux_of_signed_images():
    rng = np.random.default_rng(1)
    truth = rng.standard_normal((80, 80))
    found = measure("enhance-magnetogram", reconvolve(truth), 1.1 * truth, truth)
    inner = truth[20:-20, 20:-20].reshape(20, 2, 20, 2).mean(axis=(1, 3))
    assert found["unsigned_flux_error"] == pytest.approx(0.1)
    assert found["net_flux_error"] == pytest.approx(0.1 * inner.sum() / np.abs(inner).sum())


def test_narrow_images_are_scored():
    observed, truth = pair(200, 10)
    assert np.isfinite(measure(TASK, observed, truth + 0.01, truth)["psnr"])


def test_coherence_tells_the_phase_and_not_the_contrast():
    rng = np.random.default_rng(2)
    truth = 1 + 0.1 * rng.standard_normal((160, 160))
    observed = reconvolve(truth)
    damped = measure(TASK, observed, 1 + 0.3 * (truth - 1), truth)
    invented = measure(TASK, observed, 1 + 0.1 * rng.standard_normal(truth.shape), truth)
    mixed = measure(TASK, observed, truth + 0.1 * rng.standard_normal(truth.shape), truth)
    for name in BANDS:
        assert damped[name] == pytest.approx(1)
        assert abs(invented[name]) < 0.2
        assert mixed[name] == pytest.approx(0.5**0.5, abs=0.1)


def test_error_of_field_free_areas():
    rng = np.random.default_rng(3)
    truth = np.zeros((160, 160))
    truth[:80] = rng.normal(0, 0.5, (80, 160))
    wrong = truth + np.where(truth == 0, 0.004, 0.3)
    found = measure("enhance-magnetogram", reconvolve(truth), wrong, truth)
    assert found["field_free_error"] == pytest.approx(0.004)
    strong = rng.normal(0, 0.5, truth.shape)
    assert "field_free_error" not in measure("enhance-magnetogram", reconvolve(strong), strong, strong)


def test_loss_weights_small_structure():
    x = np.indices((64, 64))[1] * HMI.target_pixel
    truth = torch.ones(1, 1, 64, 64)
    coarse, fine = (torch.from_numpy(0.1 * np.sin(2 * np.pi * f * x)).float()[None, None] for f in (0.3, 1.0))
    plain = [float(restoration_loss(truth + wrong, truth)) for wrong in (coarse, fine)]
    weighted = [float(restoration_loss(truth + wrong, truth, band=4.0)) for wrong in (coarse, fine)]
    assert weighted[0] == pytest.approx(plain[0], rel=0.01)
    assert weighted[1] == pytest.approx(5 * plain[1], rel=0.1)
