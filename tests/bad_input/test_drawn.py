"""Headers and arrays that hypothesis draws."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

CASES = ("enhance magnetogram", "enhance continuum", "desaturate", "inpaint")
every_case = pytest.mark.parametrize("name", CASES)
pytestmark = pytest.mark.filterwarnings("ignore")

# The search for the orientation of what is no back-projection takes seconds, so that backproj_to_clean is left out
quick = settings(max_examples=20, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
KEYS = (
    "cdelt1 cdelt2 crpix1 crpix2 crval1 crval2 crota2 ctype1 cunit1 date-obs bunit instrume telescop content wavelnth "
    "exptime lvl_num detector level offset rsun_obs dsun_obs sat_rot"
).split()
VALUES = st.one_of(st.just(...), st.none(), st.booleans(), st.integers(), st.floats(), st.text("aeG/ .-1", max_size=8))


@every_case
@quick
@given(cards=st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1, max_size=2))
def test_headers(law, name, cards):
    try:
        wrong = law.changed(law.observed(name), **cards)
    # A Map that sunpy does not make
    except Exception:  # noqa: BLE001
        return
    law.holds(name, wrong)


REAL = st.sampled_from(["f2", "f4", "f8", ">f4", ">i2", "i4", "u1", "u2", "i8", "?"])


@every_case
@quick
@given(data=REAL.flatmap(lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12))))
def test_arrays(law, name, data):
    with np.errstate(all="ignore"):
        law.holds(name, law.with_data(law.observed(name), data))
