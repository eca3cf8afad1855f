"""What holds for every function on the Maps that people bring: masks, Dask arrays, other types, headers with gaps."""

import random

import dask.array
import numpy as np
import pytest
import torch

import sunpy.map

import sunpy_restore
from sunpy_restore.core.images.prepared import check_header
from sunpy_restore.core.system import memory
from sunpy_restore.core.task import MapFunction, resolve
from sunpy_restore.data import sample_path
from sunpy_restore.tasks import FUNCTIONS

MAP_FUNCTIONS = [function for function in FUNCTIONS if isinstance(function, MapFunction)]
SAMPLES = {
    "enhance": ("hmi_magnetogram", "hmi_continuum_spot"),
    "desaturate": ("aia_193_flare",),
    "inpaint": ("lasco_c3_cme",),
    "backproj_to_clean": ("stix_flare",),
}
METHODS = {"enhance": "bicubic", "desaturate": "biharmonic", "inpaint": "harmonic", "backproj_to_clean": "clean"}
pytestmark = pytest.mark.filterwarnings("ignore:Missing metadata")


def observed(name):
    """A sample, with two missing blocks if it is one of LASCO."""
    smap = sunpy.map.Map(sample_path(name))
    if name.startswith("lasco"):
        smap.data[640:704, 384:448] = 0
    return smap


every_function = pytest.mark.parametrize("function", MAP_FUNCTIONS, ids=lambda function: function.name)
every_sample = pytest.mark.parametrize(
    ("name", "sample"), [(function, sample) for function, samples in SAMPLES.items() for sample in samples]
)
every_network = pytest.mark.parametrize(
    ("name", "sample"),
    [
        pytest.param(name, samples[0], marks=pytest.mark.slow if name in ("desaturate", "inpaint") else ())
        for name, samples in SAMPLES.items()
    ],
)


def restored(name, smap, kind="classical", **options):
    method = "network" if kind == "network" else METHODS[name]
    return getattr(sunpy_restore, name)(smap, method=method, **options)


def changed(smap, data=None, mask=None, **cards):
    meta = {key: value for key, value in (dict(smap.meta) | cards).items() if value is not Ellipsis}
    return sunpy.map.Map(smap.data if data is None else data, meta, mask=mask)


def test_all_functions_are_here():
    assert set(SAMPLES) == set(METHODS) == {function.name for function in MAP_FUNCTIONS}


def some_pixels(smap):
    """A few pixels with a value, near the middle of the image and near its maximum."""
    mask = np.zeros(smap.data.shape, bool)
    row, column = np.unravel_index(np.argmax(smap.data), mask.shape)
    mask[row : row + 3, column : column + 1] = True
    row, column = (length // 2 for length in mask.shape)
    mask[row, column : column + 2] = mask[row + 9, column] = True
    return mask & (smap.data != 0)


def assert_unused(name, smap, kind, values):
    """Other values under the mask of the Map change nothing outside of the mask, and not the mask of the result."""
    mask = some_pixels(smap)
    results = [
        restored(name, changed(smap, np.where(mask, np.array(value, smap.data.dtype), smap.data), mask), kind)
        for value in values
    ]
    scale = results[0].data.shape[0] // mask.shape[0]
    outside = np.repeat(np.repeat(~mask, scale, axis=0), scale, axis=1)
    for result in results[1:]:
        np.testing.assert_array_equal(result.data[outside], results[0].data[outside])
        np.testing.assert_array_equal(result.mask, results[0].mask)


@every_sample
def test_values_under_the_mask_of_a_map_are_not_used(name, sample):
    smap = observed(sample)
    assert_unused(name, changed(smap, smap.data.astype("f4")), "classical", (1.0, np.nan, np.inf, 1e5, -1e30))


@every_network
def test_networks_do_not_use_values_under_the_mask_either(name, sample):
    smap = observed(sample)
    assert_unused(name, changed(smap, smap.data.astype("f8")), "network", (1.0, 1e5))


@every_sample
def test_integers_under_the_mask_are_not_used(name, sample):
    smap = observed(sample)
    factor = 1 if smap.data.max() > 100 else 1000 / smap.data.max()
    whole = changed(smap, np.round(factor * smap.data).astype("i4"))
    assert_unused(name, whole, "classical", (7, 0, 2**31 - 1, -(2**31)))


@every_sample
def test_dask_arrays_are_computed_once(name, sample):
    smap = observed(sample)
    computed = []

    def count(block):
        computed.append(1)
        return block

    data = dask.array.from_array(smap.data, chunks=-1).map_blocks(count, dtype=smap.data.dtype, meta=smap.data[:0, :0])
    lazy = changed(smap, data)
    # Some classes of Maps compute the range of their data
    computed.clear()
    found, expected = restored(name, lazy), restored(name, smap)
    assert len(computed) == 1
    assert isinstance(lazy.data, dask.array.Array)
    assert type(found.data) is np.ndarray
    np.testing.assert_array_equal(found.data, expected.data)
    np.testing.assert_array_equal(found.mask, expected.mask)
    masked = changed(smap, data, mask=dask.array.from_array(some_pixels(smap)))
    np.testing.assert_array_equal(
        restored(name, masked).data, restored(name, changed(smap, mask=some_pixels(smap))).data
    )
    both = restored(name, [lazy, smap])
    np.testing.assert_array_equal(both[0].data, both[1].data)


def test_masks_and_neighbours_may_be_dask_arrays():
    smap, later = observed("lasco_c3_cme"), observed("lasco_c3_later")
    lazy = changed(later, dask.array.from_array(later.data))
    mask = some_pixels(smap)
    found = sunpy_restore.inpaint(smap, mask=mask, neighbours=[lazy], method="temporal")
    expected = sunpy_restore.inpaint(smap, mask=mask, neighbours=[later], method="temporal")
    np.testing.assert_array_equal(found.data, expected.data)
    found = sunpy_restore.inpaint(smap, mask=dask.array.from_array(mask), method="harmonic")
    np.testing.assert_array_equal(found.data, sunpy_restore.inpaint(smap, mask=mask, method="harmonic").data)


@every_sample
def test_data_that_are_no_real_image_are_refused(name, sample):
    smap = observed(sample)
    for kind in ("complex64", "complex128"):
        with pytest.raises(TypeError, match=f"type {kind}; expected real numbers"):
            restored(name, changed(smap, smap.data.astype(kind)))


@every_sample
def test_images_beyond_memory_are_refused(name, sample, monkeypatch):
    monkeypatch.setattr(memory, "_memory", lambda: 1000)
    with pytest.raises(ValueError, match=r"an image of shape .* GB or more; expected one that fits into the memory"):
        restored(name, observed(sample))


def test_shapes_beyond_memory_are_refused_without_an_output():
    with pytest.raises(ValueError, match=r"shape \(10000000, 10000000\), which needs 4e\+05 GB .* Pass out="):
        sunpy_restore.synthesize_granulation((10**7, 10**7), method="spectrum", seed=1)


KEYS = (
    "wavelnth detector ctype1 ctype2 cunit1 cdelt1 crpix1 crval2 bunit pixlunit content instrume telescop exptime "
    "date-obs date_obs rsun_obs dsun_obs filter level lvl_num"
).split()


@every_sample
@pytest.mark.filterwarnings("ignore")
def test_errors_for_any_header_are_clear(name, sample):
    """Without a keyword, or with one that is wrong: the Map is accepted, or the error says what was expected."""
    smap = observed(sample)
    (observation,) = (resolve(function.observation) for function in MAP_FUNCTIONS if function.name == name)
    for key in KEYS:
        for value in (Ellipsis, None, "", "nonsense", -3.7):
            try:
                wrong = changed(smap, **{key: value})
            # A Map that sunpy does not make
            except Exception:  # noqa: BLE001
                continue
            message = refusal(observation, wrong)
            assert message is None or "expected" in message, (key, value)


def refusal(observation, smap):
    try:
        check_header(smap)
        observation.check(smap)
    except (TypeError, ValueError) as error:
        return str(error)


@pytest.fixture
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def states():
    name, key, *rest = np.random.get_state()  # noqa: NPY002
    return [torch.get_rng_state().tolist(), (name, key.tolist(), *rest), random.getstate()]


@every_network
def test_the_default_precision_of_torch_and_random_states_do_not_matter(name, sample, request):
    smap = observed(sample)
    before = states()
    expected = restored(name, smap, "network")
    assert states() == before
    request.getfixturevalue("double_precision")
    found = restored(name, smap, "network")
    assert torch.get_default_dtype() == torch.float64
    np.testing.assert_array_equal(found.data, expected.data)
    assert found.data.dtype == expected.data.dtype


@pytest.mark.parametrize("method", ["convolutional", "gan", "vae", "spectrum"])
def test_textures_do_not_depend_on_the_default_precision_and_random_states(method, request, full_weights):
    if method == "vae":
        full_weights("synthesize-vae-compact")
    before = states()
    expected = sunpy_restore.synthesize_granulation((150, 140), method=method, seed=3)
    assert states() == before
    request.getfixturevalue("double_precision")
    found = sunpy_restore.synthesize_granulation((150, 140), method=method, seed=3)
    np.testing.assert_allclose(found.data, expected.data, rtol=1e-5)


def test_errors_in_lists_name_the_image():
    smap = observed("hmi_magnetogram")
    for wrong, message in (
        (changed(smap, smap.data * 1j), "Image 2 of 2: Found data of the type complex"),
        (changed(smap, content="HMI observable"), "Image 2 of 2: Found CONTENT = 'HMI observable'"),
        (changed(smap, crpix1="nonsense"), "Image 2 of 2: Found CRPIX1 = 'nonsense' in the header; expected a number"),
    ):
        with pytest.raises((TypeError, ValueError), match=f"^{message}"):
            sunpy_restore.enhance([smap, wrong], method="bicubic")


@pytest.mark.filterwarnings("ignore:All-NaN slice")
@every_sample
def test_images_without_a_valid_pixel_are_refused(name, sample):
    smap = observed(sample)
    nothing = np.full(smap.data.shape, np.nan)
    for empty in (changed(smap, data=nothing), changed(smap, mask=np.ones(smap.data.shape, bool))):
        with pytest.raises(ValueError, match=r"masked|missing|Found no positive pixel") as caught:
            restored(name, empty)
        assert "the mask;" not in str(caught.value)
