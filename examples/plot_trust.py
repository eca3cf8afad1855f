"""
=========================================
Uncertainty and checks of restored images
=========================================

How sure is a restored pixel? This example fills blocks that were removed from a
complete LASCO C3 image, so that the truth is known, and compares the error with the
stated uncertainty. It then measures a region with its error, draws plausible
restorations, and shows the report.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

import astropy.units as u

import sunpy.map

from sunpy_restore import filled, inpaint, measure, report
from sunpy_restore.data import sample_path

###############################################################################
# The sample is a complete image. Blocks of 32 x 32 pixels are removed from it: a single
# one, two and three in a row, and a square of four.

complete = sunpy.map.Map(sample_path("lasco_c3_cme"))
counts = complete.data.copy()
for y, x, rows, columns in (
    (608, 672, 1, 1),
    (576, 384, 1, 2),
    (736, 320, 2, 2),
    (320, 512, 1, 3),
):
    counts[y : y + 32 * rows, x : x + 32 * columns] = 0
observed = sunpy.map.Map(counts, complete.meta)

###############################################################################
# ``uncertainty=True`` puts a calibrated 1-sigma uncertainty on the filled pixels. All
# other pixels were observed, and have that of the input; this one has none, so it is
# NaN there.

result = inpaint(observed, uncertainty=True)
sigma = result.uncertainty.array
holes = filled(result)
error = result.data - complete.data.astype(float)
ratio = np.abs(error[holes]) / sigma[holes]
print(f"{holes.sum()} filled pixels")
for number in (1, 1.96):
    print(f"within {number} sigma: {100 * np.mean(ratio < number):.0f} %")

###############################################################################
# One image does not have to agree with 68 and 95 %: its errors are correlated, so that
# a block is right or wrong as a whole. Over many images they do; see :ref:`the tables
# of coverage <coverage>`. The figure shows the truth, the fill, the error and the
# uncertainty of the square of four blocks.

window = np.s_[704:832, 288:416]
part = complete.submap([288, 704] * u.pix, top_right=[415, 831] * u.pix)
figure, axes = plt.subplots(
    1, 4, figsize=(16, 3.8), layout="constrained", subplot_kw={"projection": part}
)
low, high = np.percentile(complete.data[window], [1, 99])
largest = np.nanmax(sigma[window])
difference = np.where(holes, error, np.nan)
panels = (
    ("truth", complete.data, "gray", low, high),
    ("filled", result.data, "gray", low, high),
    ("filled - truth", difference, "RdBu_r", -2 * largest, 2 * largest),
    ("uncertainty", sigma, "viridis", 0, largest),
)
for ax, (title, image, colours, least, most) in zip(axes, panels, strict=True):
    drawn = ax.imshow(
        image[window], origin="lower", cmap=colours, vmin=least, vmax=most
    )
    ax.contour(holes[window], [0.5], colors="tab:orange")
    ax.set_title(title)
    for coordinate, letter in zip(ax.coords, "XY", strict=True):
        coordinate.set_format_unit(u.arcsec, decimal=True)
        coordinate.set_ticks(spacing=3000 * u.arcsec)
        labelled = letter == "X" or ax is axes[0]
        coordinate.set_axislabel(f"Solar {letter} [arcsec]" if labelled else " ")
    figure.colorbar(drawn, ax=ax, shrink=0.8, label="Counts")

###############################################################################
# `sunpy_restore.measure` gives the flux of a region with its error. The errors of
# neighbouring pixels are correlated: the error of the sum is larger than that of
# independent pixels.

labels, count = ndimage.label(holes)
for number in range(1, count + 1):
    region = labels == number
    measured = measure(result, region)
    true = complete.data[region].sum(dtype=float)
    independent = np.sqrt((sigma[region] ** 2).sum())
    print(
        f"{region.sum()} pixels: {measured.flux.value:.0f} "
        f"+- {measured.flux_error.value:.0f} "
        f"(as independent pixels +- {independent:.0f}), truth {true:.0f}"
    )

###############################################################################
# ``samples=`` draws plausible restorations, from which the error of any other number
# follows. Here it is the profile along a row through the same block.

row, columns = 768, np.arange(300, 404)
x = complete.wcs.pixel_to_world(columns, row).Tx.to_value("arcsec")
samples = inpaint(observed, samples=12)
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for index, sample in enumerate(samples):
    style = {"color": "tab:orange", "alpha": 0.35, "linewidth": 0.8}
    label = "samples" if index == 0 else None
    ax.plot(x, sample.data[row, columns], label=label, **style)
ax.plot(x, complete.data[row, columns], color="black", linewidth=1, label="truth")
ax.plot(x, result.data[row, columns], color="tab:blue", label="filled")
missing = holes[row, columns]
across = ax.get_xaxis_transform()
ax.fill_between(x, 0, 1, where=missing, color="0.9", zorder=0, transform=across)
ax.set_xlabel("Solar X [arcsec]")
ax.set_ylabel("Counts")
ax.legend()

###############################################################################
# The report needs no truth. It checks what is known without it: observed pixels are
# unchanged, and brightness and its gradient continue across the borders of the blocks.

found = report(result, observed)
print(found)
found.plot()

plt.show()
