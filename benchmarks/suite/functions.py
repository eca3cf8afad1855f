"""Time, peak memory and exponent of the cost of each function."""

import warnings
from time import perf_counter

import numpy as np

from .scenes import SCENES, SIZES

CASES = [f"{name} {side}" for name, sides in SIZES.items() for side in sides]
REPEAT = 3  # runs of which the shortest counts in the fit


def _prepared(case):
    """The call of a case, after the first one, in which networks are loaded."""
    warnings.simplefilter("ignore")
    name, side = case.split()
    call = SCENES[name](int(side))
    call()
    return call


class Functions:
    """Time and peak memory of the process."""

    params = (CASES,)
    param_names = ("function and side in pixels",)
    timeout = 600

    def setup(self, case):
        """Load the network."""
        self.call = _prepared(case)

    def time_call(self, case):
        """Time of one call."""
        self.call()

    def peakmem_call(self, case):
        """Largest memory of the process, with all that is imported."""
        self.call()


class Exponents:
    """Exponent of the time against the number of pixels: 1 if the cost is proportional to it."""

    params = (list(SCENES),)
    param_names = ("function",)
    timeout = 600

    def track_exponent(self, name):
        """Slope of a straight line through the logarithms of the shortest times."""
        calls = [_prepared(f"{name} {side}") for side in SIZES[name]]
        # Sizes alternate, so that other work on the machine slows all of them
        times = np.min([[_seconds(call) for call in calls] for _ in range(REPEAT)], axis=0)
        return float(np.polyfit(2 * np.log(SIZES[name]), np.log(times), 1)[0])


Exponents.track_exponent.unit = "power of the number of pixels"


def _seconds(call):
    start = perf_counter()
    call()
    return perf_counter() - start
