"""
Fuzz the checks of headers with atheris, by hand: ``python tests/fuzz/fuzz_headers.py -max_total_time=300``.

Any header of a Map is accepted, or refused with a ``TypeError`` or ``ValueError`` that says what was expected.
"""

import logging
import sys
import warnings

import atheris
import numpy as np

import sunpy.map

with atheris.instrument_imports(include=["sunpy_restore"]):
    import sunpy_restore.tasks
    from sunpy_restore.core.images.prepared import check_header
    from sunpy_restore.core.task import MapFunction, resolve

from sunpy_restore.data import sample_path

warnings.simplefilter("ignore")
logging.disable()
SAMPLES = ["hmi_magnetogram", "hmi_continuum_spot", "aia_193_flare", "lasco_c3_cme", "stix_flare"]
MAPS = [sunpy.map.Map(sample_path(name)) for name in SAMPLES]
OBSERVATIONS = [resolve(each.observation) for each in sunpy_restore.tasks.FUNCTIONS if isinstance(each, MapFunction)]
KEYS = (
    "cdelt1 cdelt2 crpix1 crpix2 crval1 crval2 crota2 pc1_1 cd1_1 ctype1 ctype2 cunit1 cunit2 date-obs bunit pixlunit "
    "instrume telescop detector content wavelnth waveunit exptime lvl_num level offset blank rectify rsun_obs dsun_obs "
    "hgln_obs sat_rot inst_rot filename lebxsum sumcol"
).split()


def value_of(provider):
    """A value that a header may have."""
    kind = provider.ConsumeIntInRange(0, 5)
    if kind == 0:
        return provider.ConsumeFloat()
    if kind == 1:
        return provider.ConsumeInt(8)
    if kind == 2:
        return provider.ConsumeBool()
    return None if kind == 3 else provider.ConsumeUnicodeNoSurrogates(12)


def check(data):
    """Change up to 3 keywords of a sample, and check the Map for every function."""
    provider = atheris.FuzzedDataProvider(data)
    smap = MAPS[provider.ConsumeIntInRange(0, len(MAPS) - 1)]
    meta = dict(smap.meta)
    for _ in range(provider.ConsumeIntInRange(1, 3)):
        meta[KEYS[provider.ConsumeIntInRange(0, len(KEYS) - 1)]] = value_of(provider)
    try:
        wrong = sunpy.map.Map(np.asarray(smap.data)[:64, :64], meta)
    # A Map that sunpy does not make
    except Exception:  # noqa: BLE001
        return
    for observation in OBSERVATIONS:
        try:
            check_header(wrong)
            observation.check(wrong)
        except (TypeError, ValueError) as error:
            if "expected" not in str(error):
                raise


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
