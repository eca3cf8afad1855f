"""Another telescope than HMI: its forward model, filters, training, and weights."""

import json
import warnings

import numpy as np
import pytest
from scipy import signal

import astropy.units as u
from astropy.io import fits
from astropy.table import Table

import sunpy.map

from sunpy_restore import enhance
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.recipes.configfile import changed
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.weights.store import write
from sunpy_restore.enhancement.deconvolution import linear
from sunpy_restore.enhancement.deconvolution.classical import richardson_lucy
from sunpy_restore.enhancement.detector.outliers import SHARPEST, sharpest_of
from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.optics import forward
from sunpy_restore.enhancement.optics.telescope import HMI, Telescope
from sunpy_restore.enhancement.recipe.instrument import telescope_of
from sunpy_restore.enhancement.recipe.truth import Source, seen, view
from sunpy_restore.enhancement.restore import with_wiener
from sunpy_restore.enhancement.task import CONTINUUM, MAGNETOGRAM, PRODUCTS

PIXEL, SIGMA = 0.3, 0.35  # arcsec


def gaussian(angle, sigma=SIGMA):
    return np.exp(-0.5 * (np.asarray(angle) / sigma) ** 2)


def write_image(path, sigma=(SIGMA, SIGMA), pixel=0.05, half=60, unit="arcsec", scale=1.0):
    axis = np.arange(-half, half + 1) * pixel
    image = np.outer(gaussian(axis, sigma[0]), gaussian(axis, sigma[1]))
    hdu = fits.PrimaryHDU(scale * image)
    hdu.header.update({"CDELT1": pixel, "CDELT2": pixel, "CUNIT1": unit, "CUNIT2": unit})
    hdu.writeto(path)
    return path


def write_table(path, sigma=SIGMA):
    angle = np.arange(0, 3, 0.02)
    if path.suffix == ".txt":
        np.savetxt(path, np.stack([angle, gaussian(angle, sigma)], axis=1), header="angle [arcsec], value")
    else:
        Table({"angle": angle * u.arcsec, "value": gaussian(angle, sigma)}).write(path)
    return path


@pytest.fixture
def options(tmp_path):
    return {"psf": str(write_table(tmp_path / "psf.ecsv")), "pixel_scale": PIXEL, "aperture": 0.25}


@pytest.fixture
def telescope(options):
    return telescope_of(options)


def granules(shape=(160, 170), pixel=0.06, seed=0):
    rng = np.random.default_rng(seed)
    waves = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, pixel) for n in shape), indexing="ij"))
    image = np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) / (1 + (waves / 0.7) ** 4)).real
    return 1 + 0.13 * image / image.std()


def test_hmi_is_what_the_functions_assume_without_a_telescope():
    image = granules()
    for found, expected in (
        (HMI.transfer_kernel(), forward.transfer_kernel()),
        (HMI.observe(image, 0.1), forward.observe(image, 0.1)),
        (HMI.observe_target(image, 0.1), forward.observe_target(image, 0.1)),
        (HMI.reconvolve(image), forward.reconvolve(image)),
        (linear.wiener_filter(0.3, 1.0, telescope=HMI), linear.wiener_filter(0.3, 1.0)),
    ):
        np.testing.assert_array_equal(found, expected)
    assert telescope_of({}) == HMI
    assert sharpest_of(HMI) == SHARPEST


@pytest.mark.parametrize("name", ["psf.ecsv", "psf.txt", "psf.fits", "image.fits", "image.fits.gz"])
def test_all_files_give_the_same_point_spread_function(tmp_path, name):
    path = (write_image if name.startswith("image") else write_table)(tmp_path / name)
    found = telescope_of({"psf": str(path), "pixel_scale": PIXEL, "aperture": 0.25})
    kernel = found.psf.sampled(0.1)
    axis = (np.arange(len(kernel)) - len(kernel) // 2) * 0.1
    expected = gaussian(np.hypot(axis[:, None], axis))
    np.testing.assert_allclose(kernel, expected / expected.sum(), atol=1e-3 * kernel.max())
    assert Telescope.from_description(json.loads(json.dumps(found.described()))) == found


def test_the_image_of_a_point_is_the_point_spread_function(telescope):
    """Of a Gaussian and a square pixel, by their variances."""
    scene = np.zeros((301, 301))
    scene[150, 150] = 1
    image = telescope.observe(scene, 0.05)
    y, x = np.indices(image.shape) * PIXEL
    for axis in (y, x):
        mean = (image * axis).sum() / image.sum()
        variance = (image * (axis - mean) ** 2).sum() / image.sum()
        assert variance == pytest.approx(SIGMA**2 + PIXEL**2 / 12, rel=0.02)


def test_unequal_widths_are_kept_in_their_directions(tmp_path):
    path = write_image(tmp_path / "psf.fits", sigma=(0.5, 0.3))
    telescope = telescope_of({"psf": str(path), "pixel_scale": PIXEL, "aperture": 0.25})
    assert not telescope.psf.is_symmetric
    kernel = telescope.transfer_kernel()
    offsets = (np.arange(len(kernel)) - len(kernel) // 2) * PIXEL / 2
    widths = [(kernel.sum(axis=axis) * offsets**2).sum() for axis in (1, 0)]
    assert widths[0] - widths[1] == pytest.approx(0.5**2 - 0.3**2, rel=0.1)


@pytest.mark.parametrize("sigma", [0.25, 0.35, 0.5])
def test_target_image_degraded_is_the_observation(tmp_path, sigma):
    path = write_table(tmp_path / "psf.ecsv", sigma)
    telescope = telescope_of({"psf": str(path), "pixel_scale": PIXEL, "aperture": 0.25})
    observed, truth = seen(granules(), 0.06, telescope)
    difference = (telescope.reconvolve(truth) - observed)[8:-8, 8:-8]
    wrong = (forward.reconvolve(truth) - observed)[8:-8, 8:-8]
    assert difference.std() < 0.02 * observed.std()
    assert wrong.std() > 5 * difference.std()


def test_reconvolution_and_its_transpose(telescope):
    """Inner products agree: <A x, y> = <x, A' y>, where A' repeats pixels and convolves with the mirrored kernel."""
    rng = np.random.default_rng(0)
    kernel = telescope.transfer_kernel()
    edge = len(kernel) // 2
    x, y = np.zeros((140, 150)), np.zeros((70, 75))
    for image in (x, y):
        inner = image[edge:-edge, edge:-edge]
        inner[:] = rng.standard_normal(inner.shape)
    back = signal.fftconvolve(np.kron(y, np.ones((2, 2))) / 4, kernel[::-1, ::-1], mode="same")
    assert (telescope.reconvolve(x) * y).sum() == pytest.approx((x * back).sum(), rel=1e-9)
    assert telescope.reconvolve(np.ones((60, 60))) == pytest.approx(np.ones((30, 30)))


@pytest.mark.parametrize("task", [CONTINUUM, MAGNETOGRAM])
def test_consistent_images_stay_and_others_approach_the_observation(telescope, task):
    consistent = linear.consistent_continuum if task is CONTINUUM else linear.consistent_magnetogram
    truth = granules((120, 130), pixel=PIXEL / 2) - (task is MAGNETOGRAM)
    observed = forward.reconvolve(truth, telescope.transfer_kernel(1.0 if task is CONTINUUM else 0.4 / 0.28))
    channels = np.stack([observed, np.full_like(observed, 1e-4)])
    np.testing.assert_allclose(consistent(truth, channels, telescope), truth, atol=2e-3)
    flat = np.full_like(truth, truth.mean())
    before = np.std(forward.reconvolve(flat, telescope.transfer_kernel()) - observed)
    after = np.std(telescope.reconvolve(consistent(flat, channels, telescope)) - observed)
    assert after < 0.5 * before


def test_richardson_lucy_of_the_telescope_is_better_than_that_of_hmi(telescope):
    observed, truth = seen(granules(), 0.06, telescope)
    inner = np.s_[12:-12, 12:-12]
    errors = [
        np.std((richardson_lucy(observed, kernel=kernel) - truth)[inner])
        for kernel in (telescope.transfer_kernel(), forward.transfer_kernel())
    ]
    assert errors[0] < 0.8 * errors[1]


def test_wiener_filter_of_the_telescope_is_better_than_that_of_hmi(telescope):
    observed, truth = seen(granules(), 0.06, telescope)
    inner = np.s_[12:-12, 12:-12]
    errors = [
        np.std((with_wiener(Observation.from_array(observed, telescope=one)) - truth)[inner])
        for one in (telescope, HMI)
    ]
    assert errors[0] < 0.8 * errors[1]
    assert errors[0] < 0.3 * truth.std()


def test_pairs_are_of_the_telescope(telescope):
    source = Source("granules", [granules()], 0.06, 1.0)
    observed, truth = view(source, np.random.default_rng(0), 24, telescope)
    assert (observed.shape, truth.shape) == ((24, 24), (48, 48))
    degraded = telescope.reconvolve(truth.astype(float))[6:-6, 6:-6]
    assert np.std(degraded - observed[6:-6, 6:-6]) < 0.05 * observed.std()


def test_undersampled_points_are_no_outliers_of_a_sharp_telescope(tmp_path):
    path = write_table(tmp_path / "psf.ecsv", 0.1)
    sharp = telescope_of({"psf": str(path), "pixel_scale": 0.5})
    assert sharpest_of(sharp) < 0.5 * SHARPEST


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pixel_scale": 0}, "pixel_scale = 0; expected a positive number"),
        ({"aperture": "large"}, "aperture = 'large'; expected a positive number"),
        ({"wavelength": np.inf}, "wavelength = inf"),
    ],
)
def test_values_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        telescope_of(changes)


def test_files_that_are_no_point_spread_functions_are_refused(tmp_path):
    def refused(path, message, error=ValueError):
        with pytest.raises(error, match=message):
            telescope_of({"psf": str(path), "pixel_scale": PIXEL})

    refused(tmp_path / "nowhere.fits", "Found no file", FileNotFoundError)
    text = tmp_path / "psf.txt"
    text.write_text("0 one\n")
    refused(text, "cannot be read as a point spread function")
    text.write_text("0 1 2\n1 0 0\n")
    refused(text, "3 columns")
    text.write_text("1 1\n2 0\n")
    refused(text, "1 arcsec first; expected 0")
    text.write_text("0 1\n0.2 0.3\n0.1 0\n")
    refused(text, "do not increase")
    refused(write_image(tmp_path / "coarse.fits", pixel=0.2), "at most 0.15 arcsec")
    refused(write_image(tmp_path / "dark.fits", scale=-1), "positive sum")
    plain = tmp_path / "plain.fits"
    fits.PrimaryHDU(np.ones((3, 3))).writeto(plain)
    refused(plain, "no CDELT1 or no CUNIT1")


def test_light_beyond_the_truncation_is_warned_of(tmp_path):
    with pytest.warns(RestoreWarning, match="of the light lies beyond"):
        telescope_of({"psf": str(write_table(tmp_path / "psf.ecsv", 1.0)), "pixel_scale": 0.1})


def weights_of(folder, telescope, task=CONTINUUM):
    """Weights of an untrained network, which is the linear filter, for a telescope."""
    hyperparameters = {
        "architecture": "ResidualRestorer", "blocks": 1, "channels": 4, "noise_to_signal": 1e-3, "spectral_index": 1.0,
        "telescope": telescope.described(),
    }  # fmt: skip
    network = task.build_network(hyperparameters)
    path = folder / f"{task.name}.safetensors"
    metadata = {"task": task.name, "architecture": "ResidualRestorer", "hyperparameters": json.dumps(hyperparameters)}
    write(path, network.state_dict(), metadata)
    return path


def solar_map(data, pixel=PIXEL, **cards):
    header = {
        "INSTRUME": "Imager", "TELESCOP": "Somewhere", "DATE-OBS": "2020-01-01T00:00:00", "CTYPE1": "HPLN-TAN",
        "CTYPE2": "HPLT-TAN", "CUNIT1": "arcsec", "CUNIT2": "arcsec", "CDELT1": pixel, "CDELT2": pixel,
        "CRPIX1": 20.0, "CRPIX2": 20.0, "CRVAL1": 0.0, "CRVAL2": 0.0, "DSUN_OBS": 1.5e11, "HGLN_OBS": 0.0,
        "HGLT_OBS": 0.0, "RSUN_REF": 6.957e8,
    }  # fmt: skip
    return sunpy.map.Map(data, header | cards)


@pytest.mark.parametrize("product", list(PRODUCTS))
def test_weights_of_another_telescope_restore_its_maps(tmp_path, telescope, product):
    weights = weights_of(tmp_path, telescope, PRODUCTS[product])
    scene = granules() if product == "continuum" else granules() - 1
    observed, truth = seen(scene, 0.06, telescope)
    smap = solar_map(1000 * observed, **({"BUNIT": "G"} if product == "magnetogram" else {"BUNIT": "DN"}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RestoreWarning)
        result = enhance(smap, weights=weights)
    assert type(result) is type(smap)
    assert result.scale[0].to_value(u.arcsec / u.pix) == pytest.approx(PIXEL / 2)
    inner = np.s_[8:-8, 8:-8]
    residual = telescope.reconvolve(result.data.astype(float)) / 1000 - observed
    assert np.std(residual[inner]) < 0.05 * np.std(observed)
    assert np.std((result.data / 1000 - truth)[16:-16, 16:-16]) < 0.6 * np.std(truth)


def test_maps_of_other_telescopes_are_refused(tmp_path, telescope, samples):
    weights = weights_of(tmp_path, telescope)
    image = 1000 * telescope.observe(granules(), 0.06)
    with pytest.raises(ValueError, match=r"Found pixels of 0\.504 x 0\.504 arcsec; expected 0\.3 arcsec"):
        enhance(solar_map(image, pixel=0.504), weights=weights)
    with pytest.raises(ValueError, match=r"expected 0\.3 arcsec"):
        enhance(samples["hmi_continuum_spot"], weights=weights)
    with pytest.raises(TypeError, match="unless weights were trained for another telescope"):
        enhance(solar_map(image))
    with pytest.raises(TypeError, match="expected an HMIMap"):
        enhance(solar_map(image), weights=weights_of(tmp_path, HMI, MAGNETOGRAM), product="continuum")


def test_weights_for_the_pixels_of_hmi_restore_hmi_maps_by_their_own_filter(tmp_path, samples, part):
    path = write_table(tmp_path / "psf.ecsv", 0.5)
    other = telescope_of({"psf": str(path)})
    smap = part(samples["hmi_continuum_spot"])
    result = enhance(smap, weights=weights_of(tmp_path, other))
    residuals = [
        np.std((kernel.reconvolve(result.data.astype(float)) - smap.data)[8:-8, 8:-8]) for kernel in (other, HMI)
    ]
    assert residuals[0] < 0.2 * residuals[1]


def test_options_become_a_hyperparameter_once(options):
    recipe = recipe_of(CONTINUUM)
    config = recipe.configs()["compact"]
    assert recipe.prepared(config) is config
    short = changed(config, {"psf": options["psf"], "pixel_scale": PIXEL, "options.aperture": 0.25}, recipe.options)
    prepared = recipe.prepared(short)
    assert Telescope.from_description(prepared.network["telescope"]) == telescope_of(options)
    assert recipe.prepared(prepared) is prepared


def test_an_evaluation_has_one_telescope(telescope):
    recipe = recipe_of(CONTINUUM)
    own = {"telescope": telescope.described()}
    assert recipe.for_networks([own, own]).telescope == telescope
    assert recipe.for_networks([{}]).telescope == HMI
    assert "0.3 arcsec" in recipe.for_networks([own]).limits
    assert "HMI" in recipe.for_networks([{}]).limits
    with pytest.raises(ValueError, match="weights for 2 telescopes"):
        recipe.for_networks([own, {}])
    observed = Observation.from_array(granules((30, 30)), telescope=telescope)
    assert observed.telescope == telescope
