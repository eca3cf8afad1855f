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
# uncertainty of the four blocks.

window = np.s_[704:832, 288:416]
fig, axes = plt.subplots(1, 4, figsize=(15, 3.8), constrained_layout=True)
low, high = np.percentile(complete.data[window], [1, 99])
largest = np.nanmax(sigma[window])
panels = (
    ("Truth", complete.data[window], "gray", low, high),
    ("Filled", result.data[window], "gray", low, high),
    (
        "Filled - truth",
        np.where(holes[window], error[window], np.nan),
        "RdBu_r",
        -2 * largest,
        2 * largest,
    ),
    ("Uncertainty", sigma[window], "viridis", 0, largest),
)
for ax, (title, image, colours, least, most) in zip(axes, panels, strict=True):
    drawn = ax.imshow(
        image,
        origin="lower",
        cmap=colours,
        vmin=least,
        vmax=most,
        extent=(288, 416, 704, 832),
    )
    ax.contour(
        np.arange(288, 416) + 0.5,
        np.arange(704, 832) + 0.5,
        holes[window],
        [0.5],
        colors="tab:orange",
    )
    ax.set_title(title)
    ax.set_xlabel("x [pixel]")
    fig.colorbar(drawn, ax=ax, shrink=0.8, label="DN")
axes[0].set_ylabel("y [pixel]")

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

row, columns = 768, slice(300, 404)
samples = inpaint(observed, samples=12)
fig, ax = plt.subplots(figsize=(8, 4), constrained_layout=True)
for index, sample in enumerate(samples):
    label = "samples" if index == 0 else None
    values = sample.data[row, columns]
    ax.plot(
        range(300, 404), values, color="tab:orange", alpha=0.35, lw=0.8, label=label
    )
ax.plot(
    range(300, 404), complete.data[row, columns], color="black", lw=1, label="truth"
)
ax.plot(range(300, 404), result.data[row, columns], color="tab:blue", label="filled")
ax.axvspan(320, 384, color="0.9", zorder=0, label="missing")
ax.set_xlabel("x [pixel]")
ax.set_ylabel("DN")
ax.legend()

###############################################################################
# The report needs no truth. It checks what is known without it: observed pixels are
# unchanged, and brightness and its gradient continue across the borders of the blocks.

found = report(result, observed)
print(found)
