"""Headers with keywords that are missing or wrong."""

import math

import pytest

pytestmark = pytest.mark.filterwarnings("ignore")

NUMBERS = {
    "missing": ..., "NaN": math.nan, "inf": math.inf, "text": "nonsense", "huge": 1e300, "tiny": 1e-300, "zero": 0,
    "negative": -3.7, "list": [1.0, 2.0], "none": None,
}  # fmt: skip
TEXTS = {
    "missing": ...,
    "none": None,
    "empty": "",
    "nonsense": "nonsense",
    "number": -3.7,
    "NaN": math.nan,
    "list": ["a"],
}

COMMON_NUMBERS = "cdelt1 cdelt2 crpix1 crpix2 crval1 crval2 crota2".split()
COMMON_TEXTS = "ctype1 ctype2 cunit1 cunit2 date-obs instrume telescop".split()
OWN_NUMBERS = {
    "enhance magnetogram": "rsun_obs dsun_obs rsun_ref crln_obs crlt_obs naxis1".split(),
    "enhance continuum": "rsun_obs dsun_obs hgln_obs hglt_obs wavelnth".split(),
    "desaturate": "wavelnth exptime lvl_num sat_rot inst_rot rsun_obs dsun_obs".split(),
    "inpaint": "exptime offset lebxsum sumcol rectify blank level crota1".split(),
    "backproj_to_clean": "pc1_1 pc1_2 pc2_2 dsun_obs hgln_obs rsun_obs exptime".split(),
}
OWN_TEXTS = {
    "enhance magnetogram": ["content", "bunit", "waveunit"],
    "enhance continuum": ["content", "bunit", "detector"],
    "desaturate": ["pixlunit", "bunit", "waveunit"],
    "inpaint": ["detector", "filter", "time-obs", "filename", "bunit"],
    "backproj_to_clean": ["bunit", "date-avg", "alg_used"],
}
ALL = [
    pytest.param(name, key, value, id=f"{name}-{key}-{kind}")
    for name in OWN_NUMBERS
    for keys, values in ((COMMON_NUMBERS + OWN_NUMBERS[name], NUMBERS), (COMMON_TEXTS + OWN_TEXTS[name], TEXTS))
    for key in keys
    for kind, value in values.items()
]


@pytest.mark.parametrize(("name", "key", "value"), ALL)
def test_one_keyword(law, name, key, value):
    try:
        wrong = law.changed(law.observed(name), **{key: value})
    # A Map that sunpy does not make
    except Exception:  # noqa: BLE001
        return
    law.holds(name, wrong)
