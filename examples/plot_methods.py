"""
===========================
Comparing methods of a task
===========================

Every function has several methods, and all of them take the same call. This example
enhances a sunspot with each method of `sunpy_restore.enhance`, shows where the results
differ, and tabulates the checks of `sunpy_restore.report`. A part of an image is then
removed, so that the methods of `sunpy_restore.inpaint` can be scored against the truth.
"""

import time

import matplotlib.pyplot as plt
import numpy as np

import astropy.units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

import sunpy.map

from sunpy_restore import enhance, filled, inpaint, report
from sunpy_restore.data import sample_path
from sunpy_restore.inpainting.lasco.header import check_lasco
from sunpy_restore.tasks import FUNCTIONS

###############################################################################
# Each function lists its methods. The default is ``"network"``; all others need neither
# weights nor training.

for function in FUNCTIONS:
    print(f"{function.name:<22}", ", ".join(function.methods))

###############################################################################
# The methods are called in a loop. The first network call includes the time to load
# PyTorch and the weights, so it is made twice.

spot = sunpy.map.Map(sample_path("hmi_continuum_spot"))
spot = spot.submap([16, 16] * u.pix, top_right=[111, 111] * u.pix)
enhance(spot)
results, seconds = {}, {}
for method in ("bicubic", "richardson-lucy", "wiener", "network"):
    start = time.perf_counter()
    results[method] = enhance(spot, method=method)
    seconds[method] = time.perf_counter() - start

###############################################################################
# Seen as a whole, the images look alike. The upper panels therefore show a part
# of the penumbra only, on one intensity scale, and the lower panels the difference from
# the first method, on another one.

quiet = np.median(spot.data)
bottom_left, side = [-14, 6] * u.arcsec, 10 * u.arcsec


def zoom(smap, data=None):
    """Cut out a part of the penumbra, in units of the quiet Sun."""
    data = smap.data if data is None else data
    relative = sunpy.map.Map(data / quiet, smap.meta)
    corner = SkyCoord(*bottom_left, frame=smap.coordinate_frame)
    return relative.submap(corner, width=side, height=side)


def show(figure, position, smap, title, **options):
    """Plot a Map, with axis labels on the outer panels only."""
    axes = figure.add_subplot(*position, projection=smap)
    image = axes.imshow(smap.data, origin="lower", **options)
    axes.set_title(title)
    place = axes.get_subplotspec()
    for coordinate, label, outer in zip(
        axes.coords,
        ("Solar X [arcsec]", "Solar Y [arcsec]"),
        (place.is_last_row(), place.is_first_col()),
        strict=True,
    ):
        coordinate.set_major_formatter("s")
        coordinate.set_ticks(spacing=4 * u.arcsec)
        coordinate.set_axislabel(label if outer else " ")
        coordinate.set_ticklabel_visible(outer)
    return image


figure = plt.figure(figsize=(12.5, 6.4), layout="constrained")
for column, (method, smap) in enumerate(results.items(), start=1):
    stretch = {"cmap": "gray", "vmin": 0.2, "vmax": 1.1}
    image = show(figure, (2, 4, column), zoom(smap), method, **stretch)
    if column > 1:
        difference = smap.data - results["bicubic"].data
        stretch = {"cmap": "RdBu_r", "vmin": -0.25, "vmax": 0.25}
        title = f"{method} - bicubic"
        change = show(
            figure, (2, 4, 4 + column), zoom(smap, difference), title, **stretch
        )
observed = show(figure, (2, 4, 5), zoom(spot), "HMI", cmap="gray", vmin=0.2, vmax=1.1)
panels = figure.axes
figure.colorbar(image, ax=panels, label="Intensity / quiet Sun", shrink=0.6)
figure.colorbar(change, ax=panels, label="Difference / quiet Sun", shrink=0.6)

###############################################################################
# The report degrades each result by the instrument again and compares it with the
# observation. It needs no truth. Interpolation fails these checks: it does not remove
# the blur of the instrument, so that a second blur makes the image different.

reports = {method: report(smap, spot) for method, smap in results.items()}
table = Table({"check": [check.name for check in reports["network"]]})
for method, found in reports.items():
    table[method] = [f"{found[name].value:.3g}" for name in table["check"]]
table["limit"] = [check.limit for check in reports["network"]]
table.pprint(max_width=-1)
for method, found in reports.items():
    print(f"{method}: {len(found.flagged)} flagged, {seconds[method]:.1f} s")

###############################################################################
# Where the truth is known, compare with it. Here blocks are removed from a complete
# LASCO image. The error is that of the filled pixels only, in percent of the brightness
# above the bias of the detector.

complete = sunpy.map.Map(sample_path("lasco_c3_cme"))
complete = complete.submap([224, 320] * u.pix, top_right=[607, 703] * u.pix)
counts = complete.data.copy()
for y, x in ((64, 96), (160, 32), (288, 32), (320, 192)):
    counts[y : y + 64, x : x + 64] = 0
damaged = sunpy.map.Map(counts, complete.meta)
bias = check_lasco(complete).bias
brightness = np.median(complete.data[complete.data > 0]) - bias
for method in ("harmonic", "biharmonic", "radial", "fuzzy", "network"):
    start = time.perf_counter()
    filling = inpaint(damaged, method=method)
    elapsed = time.perf_counter() - start
    holes = filled(filling)
    error = np.sqrt(np.mean((filling.data - complete.data)[holes] ** 2))
    print(f"{method:<11} RMS error {error / brightness:.2%}, {elapsed:.1f} s")

###############################################################################
# One image does not rank methods. ``sunpy-restore evaluate`` scores them on many, and
# the guides list these scores.

plt.show()
