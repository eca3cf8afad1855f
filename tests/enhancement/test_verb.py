"""`sunpy_restore.enhance` on real HMI Maps: coordinates, conserved quantities, masks and refusals."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ndcube import NDCube

import astropy.units as u
from astropy.coordinates import SkyCoord

import sunpy.map

from sunpy_restore import enhance
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.numerics.metrics import contrast
from sunpy_restore.enhancement.optics.forward import reconvolve, transfer_kernel

pytestmark = pytest.mark.filterwarnings("ignore:The image is unlike those")

METHODS = ("bicubic", "richardson-lucy", "network")
NAMES = ("hmi_continuum_spot", "hmi_continuum_quiet", "hmi_magnetogram")
RICHARDSON_LUCY = pytest.param("richardson-lucy", marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def enhanced(samples):
    return {name: enhance(smap) for name, smap in samples.items()}


def _north_limb(samples, size=160, fill=np.nan):
    """The limb at the north pole of a full disk, filled with repeated images of the real quiet Sun."""
    smap = samples["hmi_continuum_quiet"]
    meta, quiet = smap.meta.copy(), np.asarray(smap.data, dtype=float)
    reps = -(-size // min(quiet.shape))
    data = np.tile(quiet, (reps, reps))[:size, :size]
    radius = float(smap.rsun_obs.to_value(u.arcsec))
    meta |= {"crval1": 0.0, "crval2": 0.0, "crota2": 0.0, "crpix1": size / 2 + 0.5}
    meta["crpix2"] = size * 0.7 - radius / 0.504
    for key in [key for key in meta if key.startswith("pc")]:
        del meta[key]
    y, x = np.indices(data.shape)
    distance = np.hypot((x + 1 - meta["crpix1"]) * 0.504, (y + 1 - meta["crpix2"]) * 0.504)
    data[distance > radius] = fill
    return sunpy.map.Map(data, meta), distance / radius


@pytest.mark.parametrize(
    ("name", "method"),
    [
        pytest.param(
            name, method, marks=pytest.mark.slow if (name[:13], method) == ("hmi_continuum", "richardson-lucy") else ()
        )
        for name in NAMES
        for method in METHODS
    ]
    + [("hmi_continuum_spot", "wiener"), ("hmi_continuum_quiet", "wiener")],
)
def test_map_in_map_out(samples, part, name, method):
    smap = part(samples[name], 40, 0)
    before = (smap.data.copy(), dict(smap.meta), smap.mask)
    result = enhance(smap, method=method)
    assert type(result) is type(smap)
    assert result.unit == smap.unit
    assert result.data.shape == (80, 80)
    assert np.isfinite(result.data).all()
    assert result.meta["rsttask"].startswith("enhance-")
    assert result.meta["rstmeth"] == method
    assert ("rstsha" in result.meta) == (method == "network")
    assert result.date == smap.date
    assert np.array_equal(before[0], smap.data)
    assert before[1:] == (dict(smap.meta), smap.mask)


@pytest.mark.parametrize("name", NAMES)
def test_coordinates_follow_resample(samples, enhanced, name):
    smap = samples[name]
    expected = smap.resample(u.Quantity(smap.dimensions) * 2)
    assert u.allclose(
        u.Quantity(enhanced[name].reference_pixel), u.Quantity(expected.reference_pixel), atol=1e-9 * u.pix
    )
    assert u.allclose(u.Quantity(enhanced[name].scale), u.Quantity(expected.scale), rtol=1e-9)


@pytest.mark.parametrize("method", ["bicubic", "wiener", RICHARDSON_LUCY, "network"])
def test_a_point_stays_where_it_is_on_the_sky(samples, part, method):
    """The centroid of a bright point moves by less than 0.05 output pixels on the sky."""
    smap = part(samples["hmi_continuum_quiet"], 40, 0)
    y, x = np.indices(smap.data.shape)
    bump = np.exp(-((x - 19.3) ** 2 + (y - 18.8) ** 2) / (2 * 1.2**2))
    flat = smap._new_instance(np.full(smap.data.shape, 6e4), smap.meta)
    point = smap._new_instance(6e4 * (1 + 0.2 * bump), smap.meta)
    position = []
    for image, box in ((point, 1), (enhance(point, method=method), 2)):
        reference = 6e4 if box == 1 else enhance(flat, method=method).data
        light = image.data - reference
        rows, cols = np.indices(light.shape)
        near = np.hypot(cols - box * 19.8 + 0.5, rows - box * 19.3 + 0.5) < 6 * box
        weights = np.where(near, light, 0)
        centre = [(axis * weights).sum() / weights.sum() for axis in (cols, rows)]
        position.append(image.pixel_to_world(*(centre * u.pix)))
    apart = position[0].separation(SkyCoord(position[1].Tx, position[1].Ty, frame=position[0].frame))
    assert apart < 0.05 * 0.252 * u.arcsec


@pytest.mark.parametrize("name", ["hmi_continuum_spot", "hmi_continuum_quiet"])
def test_enhanced_continuum_reproduces_the_observation(samples, enhanced, name):
    observed, result = samples[name].data.astype(float), enhanced[name].data.astype(float)
    middle = (slice(13, -13), slice(13, -13))
    for kernel in (transfer_kernel(), transfer_kernel(diameter=None)):
        residual = np.abs(reconvolve(result, kernel) - observed)[middle].sum() / observed[middle].sum()
        assert residual < 0.015
    assert result.mean() == pytest.approx(observed.mean(), rel=2e-3)


def test_continuum_has_the_contrast_of_granulation_and_no_holes(samples, enhanced):
    quiet = enhanced["hmi_continuum_quiet"].data
    observed = samples["hmi_continuum_quiet"].data
    assert 0.055 < contrast(quiet) < 0.08
    assert 2 < contrast(quiet) / contrast(observed) < 2.6
    spot, observed = enhanced["hmi_continuum_spot"].data, samples["hmi_continuum_spot"].data
    level = np.median(observed)
    assert spot.min() > 0.05 * level
    umbra = observed < 0.3 * level
    binned = spot.reshape(*observed.shape[:1], 2, -1, 2).mean(axis=(1, 3))
    assert 0.7 < binned[umbra].mean() / observed[umbra].mean() <= 1


def test_magnetogram_keeps_its_flux(samples, enhanced):
    observed, result = samples["hmi_magnetogram"].data.astype(float), enhanced["hmi_magnetogram"].data.astype(float)
    middle = (slice(13, -13), slice(13, -13))
    residual = np.abs(reconvolve(result) - observed)[middle].sum() / np.abs(observed[middle]).sum()
    assert residual < 0.05
    binned = result.reshape(observed.shape[0], 2, observed.shape[1], 2).mean(axis=(1, 3))
    assert binned.mean() == pytest.approx(observed.mean(), rel=0.02)
    assert np.abs(binned).mean() == pytest.approx(np.abs(observed).mean(), rel=0.05)


@pytest.fixture(scope="module")
def spot(samples, part):
    """Part of a sunspot, and its enhanced data."""
    smap = part(samples["hmi_continuum_spot"], 40, 40)
    return smap, enhance(smap).data.astype(float)


@given(factor=st.floats(1e-3, 1e3))
@settings(max_examples=4, deadline=None)
def test_continuum_is_homogeneous(spot, factor):
    smap, enhanced = spot
    scaled = smap._new_instance(factor * smap.data.astype(float), smap.meta)
    assert np.allclose(enhance(scaled).data, factor * enhanced, rtol=2e-5)


@pytest.mark.parametrize("name", ["hmi_continuum_spot", "hmi_magnetogram"])
def test_commutes_with_submap(samples, part, enhanced, name):
    size, start = 90, 15
    part = enhance(part(samples[name], size, start))
    inner = 2 * 26
    corner = slice(2 * start + inner, 2 * (start + size) - inner)
    whole = enhanced[name].data[corner, corner]
    difference = np.abs(part.data[inner:-inner, inner:-inner] - whole)
    assert difference.mean() < 5e-3 * np.abs(whole).mean()


def test_unit_of_the_field_does_not_matter(samples, part):
    smap = part(samples["hmi_magnetogram"], 40)
    tesla = smap._new_instance(smap.data.astype(float) * 1e-4, smap.meta | {"bunit": "T"})
    assert np.allclose(enhance(tesla).data * 1e4, enhance(smap).data, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("method", ["bicubic", RICHARDSON_LUCY])
def test_classical_methods_treat_both_polarities_alike(samples, part, method):
    smap = part(samples["hmi_magnetogram"])
    negative = smap._new_instance(-smap.data, smap.meta)
    one, two = enhance(smap, method=method).data, enhance(negative, method=method).data
    assert np.allclose(one, -two, atol=1e-3 * np.abs(one).max())


@pytest.mark.parametrize(
    ("method", "fill"),
    [("bicubic", np.nan), ("bicubic", 0.0), ("network", np.nan), pytest.param("network", 0.0, marks=pytest.mark.slow)],
)
def test_limb_is_flagged_and_the_sky_is_interpolated(samples, method, fill):
    smap, radius = _north_limb(samples, fill=fill)
    with pytest.warns(RestoreWarning, match=r"mu = 0\.3") as warned:
        result = enhance(smap, method=method)
    assert warned[0].filename == __file__
    flagged = np.repeat(np.repeat(np.sqrt(np.clip(1 - radius**2, 0, None)) < 0.3, 2, axis=0), 2, axis=1)
    disagree = result.mask != flagged
    assert disagree.mean() < 1e-3
    sky = np.repeat(np.repeat(radius > 1.02, 2, axis=0), 2, axis=1)
    if np.isnan(fill):
        assert np.isnan(result.data[sky]).all()
    else:
        assert np.array_equal(result.data[sky], np.zeros(sky.sum()))
    inside = np.repeat(np.repeat(radius < 0.99, 2, axis=0), 2, axis=1)
    assert np.isfinite(result.data[inside]).all()


@pytest.mark.parametrize("shape", [(4, 4), (4, 37), (33, 5), (31, 47)])
def test_any_shape(samples, shape):
    smap = samples["hmi_continuum_quiet"]
    part = smap.submap([4, 4] * u.pix, width=(shape[1] - 1) * u.pix, height=(shape[0] - 1) * u.pix)
    assert part.data.shape == shape
    result = enhance(part)
    assert result.data.shape == tuple(2 * n for n in shape)
    assert np.isfinite(result.data).all()


@pytest.mark.parametrize("dtype", [">f8", "<f4", ">i4", "i2", "u2"])
def test_any_type(spot, dtype):
    smap, enhanced = spot
    converted = smap._new_instance((smap.data / 4).astype(dtype), smap.meta)
    # Integers are rounded by up to 0.003 %, which the deconvolution amplifies
    assert np.allclose(enhance(converted).data, enhanced / 4, rtol=6e-3)


@pytest.mark.parametrize("method", ["bicubic", pytest.param("network", marks=pytest.mark.slow)])
def test_gaps_stay_gaps_and_affect_nothing_far_away(samples, part, method):
    smap = part(samples["hmi_continuum_spot"], 100, 10)
    data = smap.data.astype(float)
    data[50:53, 40:45] = np.nan
    result = enhance(smap._new_instance(data, smap.meta), method=method)
    missing = np.isnan(result.data)
    assert missing.sum() == 4 * 15
    assert result.mask[missing].all()
    reference = enhance(smap, method=method)
    far = np.ones(result.data.shape, bool)
    far[2 * 10 : 2 * 93, 2 * 0 : 2 * 85] = False
    assert np.allclose(result.data[far], reference.data[far], rtol=2e-4)


def test_mask_is_kept(samples, part):
    smap = part(samples["hmi_continuum_spot"])
    mask = np.zeros(smap.data.shape, bool)
    mask[3, 7] = True
    masked = smap._new_instance(smap.data, smap.meta, mask=mask)
    assert np.array_equal(enhance(masked, method="bicubic").mask, np.kron(mask, np.ones((2, 2))) > 0)
    assert enhance(smap, method="bicubic").mask is None


@pytest.mark.parametrize("kind", [list, tuple, sunpy.map.MapSequence])
def test_sequences_come_back_as_the_same_kind(samples, part, kind):
    maps = [part(samples["hmi_continuum_spot"]), part(samples["hmi_magnetogram"])]
    images = kind(*maps) if kind is sunpy.map.MapSequence else kind(maps)
    results = enhance(images, method="bicubic")
    assert type(results) is kind
    tasks = sorted(result.meta["rsttask"] for result in results)
    assert tasks == ["enhance-continuum", "enhance-magnetogram"]


def test_cube(samples, part):
    smap = part(samples["hmi_magnetogram"])
    cube = NDCube(smap.data, wcs=smap.wcs, meta=dict(smap.meta), unit=smap.unit)
    result = enhance(cube, method="bicubic")
    assert type(result) is NDCube
    assert result.unit == u.G
    assert np.allclose(result.data, enhance(smap, method="bicubic").data)


def test_save_and_load_keep_the_provenance(enhanced, tmp_path):
    path = tmp_path / "enhanced.fits"
    enhanced["hmi_magnetogram"].save(path)
    loaded = sunpy.map.Map(path)
    assert type(loaded) is type(enhanced["hmi_magnetogram"])
    for key in ("restored", "rsttask", "rstmeth", "rstmodel", "rstsha", "rstvers"):
        assert loaded.meta[key] == enhanced["hmi_magnetogram"].meta[key]
    assert np.allclose(loaded.data, enhanced["hmi_magnetogram"].data)
    with pytest.raises(ValueError, match="enhance has restored this Map already"):
        enhance(loaded)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"content": "DOPPLERGRAM"}, TypeError, "DOPPLERGRAM.*CONTINUUM INTENSITY"),
        ({"content": "INCLINATION"}, TypeError, "INCLINATION.*MAGNETOGRAM"),
        ({"instrume": "AIA_3", "telescop": "SDO/AIA"}, TypeError, "class AIAMap .*; expected an HMIMap"),
        ({"cdelt1": 0.6, "cdelt2": 0.6}, ValueError, "0.6 x 0.6 arcsec; expected 0.504"),
        ({"cdelt2": 0.54}, ValueError, "0.54 arcsec; expected 0.504"),
        ({"ctype1": "CRLN-CEA", "ctype2": "CRLT-CEA", "cunit1": "deg", "cunit2": "deg"}, ValueError, "expected HPLN"),
        ({"bunit": "DN/s"}, ValueError, "the unit DN / s; expected a unit of magnetic field"),
        ({"rsttask": "enhance-magnetogram"}, ValueError, "enhance has restored this Map already"),
    ],
)
def test_other_maps_are_refused(samples, changes, error, message):
    smap = samples["hmi_magnetogram"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrong = sunpy.map.Map(smap.data, smap.meta | changes)
        with pytest.raises(error, match=message):
            enhance(wrong)


@pytest.mark.parametrize("content", ["HMI observable", "", "hmi observable ", ...])
@pytest.mark.parametrize(
    ("name", "product"), [("hmi_magnetogram", "magnetogram"), ("hmi_continuum_quiet", "continuum")]
)
def test_product_of_a_map_that_does_not_tell_it(samples, part, name, product, content):
    """As JSOC exports the segments of SHARPs."""
    smap = part(samples[name])
    meta = smap.meta | {"instrume": "HMI_COMBINED"} | ({"bunit": "Mx/cm^2"} if product == "magnetogram" else {})
    meta = {key: value for key, value in (meta | {"content": content}).items() if value is not ...}
    sharp = sunpy.map.Map(smap.data, meta)
    result = enhance(sharp, product=product, method="bicubic")
    np.testing.assert_array_equal(result.data, enhance(smap, method="bicubic").data)
    assert result.meta["rsttask"] == f"enhance-{product}"
    advice = rf"^Found CONTENT = .* does not tell the product; .* pass product='{product}' if it is"
    with pytest.raises(TypeError, match=advice):
        enhance(sharp, method="bicubic")
    unitless = sunpy.map.Map(smap.data, {key: value for key, value in meta.items() if key != "bunit"})
    with pytest.raises(TypeError, match=r"Pass product='continuum' or product='magnetogram'\.$"):
        enhance(unitless, method="bicubic")


@pytest.mark.parametrize("content", ["DOPPLERGRAM", "Line Width", "HMI observable", "", ...])
@pytest.mark.parametrize("product", [None, "continuum", "magnetogram"])
@pytest.mark.parametrize("unit", ["m/s", "km/s", "cm/s", "deg", "nm"])
def test_other_quantities_are_refused_without_advice_to_call_them_a_product(samples, part, content, product, unit):
    smap = part(samples["hmi_magnetogram"])
    meta = {key: value for key, value in (smap.meta | {"content": content, "bunit": unit}).items() if value is not ...}
    with pytest.raises((TypeError, ValueError), match="cannot be deconvolved on their own") as found:
        enhance(sunpy.map.Map(smap.data, meta), product=product, method="bicubic")
    assert "product=" not in str(found.value)


def test_products_that_contradict_the_map_are_refused(samples, part):
    smap = part(samples["hmi_magnetogram"])
    assert enhance(smap, product="magnetogram", method="bicubic").meta["rsttask"] == "enhance-magnetogram"
    with pytest.raises(ValueError, match="Found CONTENT = 'MAGNETOGRAM' and product='continuum'; expected a Map of"):
        enhance(smap, product="continuum")
    with pytest.raises(ValueError, match="Unknown product 'vector'; expected 'continuum' or 'magnetogram'"):
        enhance(smap, product="vector")
    for content in ("DOPPLERGRAM", "INCLINATION"):
        with pytest.raises(TypeError, match=f"Found CONTENT = '{content}'; expected .*cannot be deconvolved"):
            enhance(sunpy.map.Map(smap.data, smap.meta | {"content": content}), product="magnetogram")


@pytest.mark.parametrize("unit", ["km", "Gauss", "m/s", "K", "deg"])
def test_units_of_other_quantities_are_refused(samples, part, unit):
    smap = part(samples["hmi_continuum_quiet"])
    with pytest.raises(ValueError, match=r"Found a continuum image with the unit .* expected one of intensity"):
        enhance(sunpy.map.Map(smap.data, smap.meta | {"bunit": unit}))


@pytest.mark.parametrize("unit", ["DN/s", "ct", "", "W / (m2 sr nm)"])
def test_units_of_intensity_are_accepted(samples, part, unit):
    smap = part(samples["hmi_continuum_quiet"])
    result = enhance(sunpy.map.Map(smap.data, smap.meta | {"bunit": unit}), method="bicubic")
    np.testing.assert_array_equal(result.data, enhance(smap, method="bicubic").data)


def test_magnetograms_relabelled_as_continuum_are_refused(samples):
    smap = samples["hmi_magnetogram"]
    meta = smap.meta | {"content": "CONTINUUM INTENSITY", "bunit": "DN/s"}
    with pytest.raises(ValueError, match=r"negative values in \d\d % of its pixels on the disk; expected intensities"):
        enhance(sunpy.map.Map(smap.data, meta))


def test_images_without_the_quiet_sun_are_refused(samples, part):
    smap = part(samples["hmi_continuum_spot"])
    with pytest.raises(ValueError, match="valid"):
        enhance(smap._new_instance(np.full(smap.data.shape, np.nan), smap.meta))
    with pytest.raises(ValueError, match="quiet-Sun intensity of 0; expected a positive"):
        enhance(smap._new_instance(np.zeros(smap.data.shape), smap.meta))
    with pytest.raises(ValueError, match="solar disk"):
        enhance(smap.shift_reference_coord(5000 * u.arcsec, 0 * u.arcsec))


@pytest.mark.parametrize("wrong", [np.ones((9, 9)), "file.fits", None, 3])
def test_other_objects_are_refused(wrong):
    with pytest.raises(TypeError):
        enhance(wrong)


def test_unknown_methods_and_weights_of_classical_ones_are_refused(samples):
    with pytest.raises(ValueError, match="Unknown method 'magic'; expected one of network, bicubic"):
        enhance(samples["hmi_magnetogram"], method="magic")
    with pytest.raises(ValueError, match="Leave them out"):
        enhance(samples["hmi_magnetogram"], method="bicubic", weights="x.safetensors")


def noisy(smap, noise):
    data = smap.data + noise * np.random.default_rng(8).standard_normal(smap.data.shape)
    return smap._new_instance(data, smap.meta)


@pytest.mark.parametrize("noise", [10, 25])
def test_noise_is_measured_and_recorded(samples, part, noise):
    smap = part(samples["hmi_magnetogram"])
    own = enhance(smap).meta["rstnoise"]
    # No warning of outliers, although some values stand out by more than 200 G
    result = enhance(noisy(smap, noise))
    assert result.meta["rstnoise"] == pytest.approx(np.hypot(own, noise), rel=0.2)
    assert result.mask is None
    told = enhance(smap, noise=noise * u.G)
    assert told.meta["rstnoise"] == noise
    # More noise, smoother weak fields
    weak = np.abs(smap.data).repeat(2, axis=0).repeat(2, axis=1) < 15
    assert told.data[weak].std() < enhance(smap, noise=3 * u.G).data[weak].std()


def test_noise_outside_of_the_training_is_told(samples, part):
    smap = part(samples["hmi_magnetogram"])
    with pytest.warns(RestoreWarning, match="Found a noise of"):
        enhance(noisy(smap, 90))
    with pytest.warns(RestoreWarning, match="Found a noise of 500 G"):
        enhance(smap, noise=0.5 * u.kG)


@pytest.mark.parametrize("noise", [10, "10 G", 0 * u.G, np.nan * u.G, 3 * u.m, [3, 4] * u.G])
def test_noise_that_is_none(samples, part, noise):
    with pytest.raises(ValueError, match="expected one positive magnetic field"):
        enhance(part(samples["hmi_magnetogram"]), noise=noise)


def test_noise_that_is_not_used(samples, part):
    with pytest.raises(ValueError, match="only method='network' uses it"):
        enhance(part(samples["hmi_magnetogram"]), noise=10 * u.G, method="bicubic")
    with pytest.raises(ValueError, match="a continuum image; expected a magnetogram"):
        enhance(part(samples["hmi_continuum_spot"]), noise=10 * u.G)
    assert "rstnoise" not in enhance(part(samples["hmi_magnetogram"]), method="bicubic").meta
