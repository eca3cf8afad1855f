"""The law for bad input: a valid result, or an error of the package that tells what to do; never a wrong image."""

import copy
import re
import signal
import threading
import warnings
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import astropy.units as u

import sunpy.map

import sunpy_restore
from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.data import sample_path

_PACKAGE = str(Path(sunpy_restore.__file__).parent)
_LIMIT = 300  # seconds, also on a busy machine
# What was found, and then what was expected or what to do
_CLEAR = re.compile(r"\b(found|unknown|is|are|cannot|has|do not)\b.*\bexpected\b", re.IGNORECASE)

CASES = {
    "enhance magnetogram": ("enhance", "bicubic", "hmi_magnetogram", (60, 60, 48)),
    "enhance continuum": ("enhance", "bicubic", "hmi_continuum_spot", (10, 10, 48)),
    "desaturate": ("desaturate", "biharmonic", "aia_193_flare", (96, 60, 32)),
    "inpaint": ("inpaint", "harmonic", "lasco_c3_cme", (608, 352, 96)),
    "backproj_to_clean": ("backproj_to_clean", "clean", "stix_flare", (40, 40, 45)),
}


@cache
def _observed(name):
    sample, cutout = CASES[name][2:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        smap = sunpy.map.Map(sample_path(sample))
        if sample.startswith("lasco"):
            smap.data[640:672, 384:416] = 0  # a missing block
        if cutout is not None:
            row, column, side = cutout
            smap = smap.submap([column, row] * u.pix, top_right=[column + side - 1, row + side - 1] * u.pix)
    return smap


@cache
def _reference(name):
    function, method = CASES[name][:2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(sunpy_restore, function)(_observed(name), method=method)


def _changed(smap, data=None, mask=None, **cards):
    """A copy of a Map with other data or header; a key without value (``...``) is left out."""
    meta = {key: value for key, value in (dict(smap.meta) | cards).items() if value is not Ellipsis}
    return sunpy.map.Map(copy.deepcopy(smap.data) if data is None else data, meta, mask=mask)


def _with_data(smap, data, mask=None):
    """A Map with any array as its data, also one that its class refuses when it is made."""
    try:
        return smap._new_instance(data, dict(smap.meta), mask=mask)
    # Some classes compute the range of the data
    except Exception:  # noqa: BLE001
        other = _changed(smap, mask=mask)
        other._data = data
        return other


def _state(value):
    """What must not change of an argument."""
    if isinstance(value, sunpy.map.GenericMap):
        mask = None if value.mask is None else np.asarray(value.mask).tobytes()
        return type(value.data), np.asarray(value.data).tobytes(), repr(dict(value.meta)), mask
    if type(value) is np.ndarray:
        return value.tobytes()
    return [_state(one) for one in value] if isinstance(value, list | tuple) else repr(value)


@contextmanager
def _no_hang():
    """Fail instead of waiting for ever, where a signal can do it."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def fail(*_):
        pytest.fail(f"no result after {_LIMIT} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(_LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _last_frame(error):
    traceback = error.__traceback__
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame.f_code.co_filename


def _call(name, image, **options):
    """The result, or the message of an error of the package; everything else fails."""
    function, method = CASES[name][:2] if name in CASES else (name, None)
    if method is not None:
        options = {"method": method} | options
    arguments = [image, *options.values()]
    before = _state(arguments)
    try:
        with _no_hang(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = getattr(sunpy_restore, function)(image, **options)
    except (TypeError, ValueError, WeightsError) as error:
        result = error
    assert _state(arguments) == before
    return result if not isinstance(result, Exception) else _message(result)


def _message(error):
    """The text of an error that a check of the package raised, and not numpy, astropy or torch on the way."""
    assert type(error) in (TypeError, ValueError, WeightsError), repr(error)
    assert _last_frame(error).startswith(_PACKAGE), repr(error)
    message = str(error)
    assert _CLEAR.search(message), message
    assert "\n" not in message
    assert len(message) < 1000
    return message


def _assert_valid(name, smap, result):
    """A result of the right class, shape and header, finite where it claims to be, that contradicts no observation."""
    scale = 2 if name.startswith("enhance") else 1
    assert type(result) is type(smap)
    assert result.data.shape == tuple(scale * length for length in smap.data.shape)
    assert result is smap or result.data.dtype.kind == "f"
    observed = np.asarray(smap.data, dtype=float)
    valid = np.abs(observed) <= 1e30
    if smap.mask is not None:
        valid &= np.asarray(smap.mask) == 0
    claimed = np.repeat(np.repeat(valid, scale, axis=0), scale, axis=1)
    if result.mask is not None:
        claimed &= ~result.mask
    assert np.isfinite(result.data[claimed]).all()
    if result is smap:  # nothing to do
        return
    assert result.meta["restored"]
    if name.startswith("enhance"):
        ny, nx = observed.shape
        binned = result.data.reshape(ny, 2, nx, 2).mean((1, 3))
        both = valid & claimed.reshape(ny, 2, nx, 2).all((1, 3))
        spread = np.ptp(observed[both]) if both.any() else 0.0
        # Interpolation cannot leave the range of the data by much
        assert np.all(np.abs(binned - observed)[both] <= 0.5 * spread + 1e-5 * np.abs(observed[both]) + 1e-30)
    elif name in ("desaturate", "inpaint"):
        filled = sunpy_restore.filled(result)
        np.testing.assert_array_equal(result.data[~filled], np.asarray(smap.data)[~filled])
        assert np.isfinite(result.data[filled]).all()


@pytest.fixture(scope="session")
def law():
    """Sample Maps, copies of them with something wrong, and the law for what a function makes of these."""

    def holds(name, smap, **options):
        """A valid result, which is returned, or a clear error, whose message is."""
        result = _call(name, smap, **options)
        if not isinstance(result, str):
            _assert_valid(name, smap, result)
        return result

    def refused(name, image, **options):
        result = _call(name, image, **options)
        assert isinstance(result, str)
        return result

    def same(name, smap, rtol=1e-5):
        """The result of the unchanged Map."""
        result, expected = holds(name, smap), _reference(name)
        assert not isinstance(result, str)
        np.testing.assert_allclose(result.data, expected.data, rtol=rtol, atol=rtol * np.nanmax(np.abs(expected.data)))
        return result

    return SimpleNamespace(
        observed=_observed, reference=_reference, changed=_changed, with_data=_with_data, holds=holds, refused=refused,
        same=same,
    )  # fmt: skip
