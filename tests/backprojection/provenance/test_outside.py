"""Tests of the warnings of sources that an image does not contain, and of images that do not agree."""

import warnings

import numpy as np
import pytest

from sunpy_restore import backproj_to_clean
from sunpy_restore.backprojection.fitting.forward import with_noise
from sunpy_restore.backprojection.fitting.scenes import ellipse, joined, loop, visibilities_of_scene
from sunpy_restore.backprojection.provenance.outside import warn_of_outside
from sunpy_restore.backprojection.visibilities.fourier import Grid
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.exceptions import RestoreWarning

POINTS = stix_uv()
GRID = Grid((129, 129), (2.0, 2.0))
INSIDE = {
    "one": ellipse(10, 30, -20, 8, 8, 0),
    "near the edge": ellipse(10, 0, 108, 8, 8, 0),
    "four": joined([ellipse(f, x, y, 8, 6, 0) for f, x, y in ((6, -30, 20), (5, 30, 25), (4, 35, -30), (3, -35, -35))]),
    "loop": loop(10, 0, 0, 70, 8, 0.5, 2.5),
    "broad": ellipse(10, 0, 0, 90, 60, 1),
}
OUTSIDE = {
    "beyond": (ellipse(10, 140, 0, 8, 8, 0), "of the light appears to be outside of the image of 258 x 258 arcsec"),
    "at the border": (joined([ellipse(10, 128, 0, 8, 8, 0), ellipse(5, 0, 0, 6, 6, 0)]), "or at its edge"),
    "far": (joined([ellipse(10, 0, 0, 8, 8, 0), ellipse(5, 220, 0, 8, 8, 0)]), "of the light appears to be outside"),
    "a fourth": (
        joined([ellipse(f, *at, 7, 7, 0) for f, at in ((10, (-50, 30)), (5, (0, 0)), (6, (40, -50)), (4, (160, 60)))]),
        "outside of the image",
    ),
}


def observed(scene, noise, seed=0):
    return with_noise(visibilities_of_scene(scene, POINTS), noise, np.random.default_rng(seed))[0]


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("name", INSIDE)
def test_sources_inside_cause_no_warning(name, noise):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RestoreWarning)
        for seed in range(3):
            warn_of_outside(observed(INSIDE[name], noise, seed), POINTS, GRID)
            wide = Grid((129, 129), (8.0, 8.0))
            warn_of_outside(observed(INSIDE[name], noise, seed), POINTS, wide)


@pytest.mark.parametrize("name", OUTSIDE)
def test_sources_outside_or_at_the_edge_are_warned_of_in_maps_of_any_size(name):
    scene, words = OUTSIDE[name]
    with pytest.warns(RestoreWarning, match=words):
        warn_of_outside(observed(scene, 0.03), POINTS, GRID)


def test_second_flare_far_from_the_field_of_a_full_disk_map_is_warned_of():
    scene = joined([ellipse(10, 0, 0, 8, 8, 0), ellipse(6, 600, 0, 8, 8, 0)])
    with pytest.warns(RestoreWarning, match="of the light appears to be outside of the image"):
        warn_of_outside(observed(scene, 0.05), POINTS, Grid((256, 256), (8.0, 8.0)))


@pytest.mark.filterwarnings("ignore::sunpy_restore.core.exceptions.RestoreWarning")
@pytest.mark.parametrize("method", ["network", "mem", "clean", "multiscale-clean", "squared-variation"])
def test_all_methods_warn_of_an_image_without_its_source(make_backprojection, method):
    smap = make_backprojection(observed(OUTSIDE["beyond"][0], 0.05))
    with pytest.warns(RestoreWarning, match="does not agree with the visibilities"):
        backproj_to_clean(smap, method=method)


@pytest.mark.parametrize("method", ["clean", "multiscale-clean"])
def test_clean_that_stops_before_the_noise_is_warned_of_without_errors(make_backprojection, method):
    """Its sidelobes exceed the peaks of several sources, so that it ends far from the visibilities."""
    smap = make_backprojection(observed(INSIDE["four"], 0.02))
    with pytest.warns(RestoreWarning, match="does not agree with the visibilities"):
        backproj_to_clean(smap, method=method)


@pytest.mark.parametrize("method", ["network", "mem", "squared-variation"])
def test_methods_that_describe_four_sources_cause_no_warning(make_backprojection, method):
    smap = make_backprojection(observed(INSIDE["four"], 0.02))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RestoreWarning)
        backproj_to_clean(smap, method=method)
