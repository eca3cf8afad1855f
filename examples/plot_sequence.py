"""
===============================================
A sequence of images, with neighbours and cubes
===============================================

All functions take several images at once: lists, `~sunpy.map.MapSequence` and
`~ndcube.NDCube`. `sunpy_restore.inpaint` can also use the other images of a sequence.
This example fills missing blocks in two LASCO C3 images, with and without the other
one, and repeats it with a cube.
"""

import matplotlib.pyplot as plt
import numpy as np
from ndcube import NDCube

import astropy.units as u
from astropy.wcs import WCS

import sunpy.map

from sunpy_restore import filled, inpaint
from sunpy_restore.data import sample_path

###############################################################################
# The two images were taken twelve hours apart. A part of each is cut out, and blocks of
# 32 x 32 pixels are removed; some of them in both.

frames = [
    sunpy.map.Map(sample_path(name)).submap(
        [640, 448] * u.pix, top_right=[895, 703] * u.pix
    )
    for name in ("lasco_c3_cme", "lasco_c3_later")
]
blocks = (
    ((32, 64, 2, 2), (128, 160, 3, 1), (192, 32, 1, 2)),
    ((64, 32, 2, 2), (160, 64, 1, 3), (128, 160, 1, 1)),
)
damaged = []
for smap, places in zip(frames, blocks, strict=True):
    counts = smap.data.copy()
    for y, x, rows, columns in places:
        counts[y : y + 32 * rows, x : x + 32 * columns] = 0
    damaged.append(sunpy.map.Map(counts, smap.meta))
sequence = sunpy.map.Map(damaged, sequence=True)
for smap in sequence:
    print(smap.date.isot, (smap.data == 0).sum(), "missing pixels")

###############################################################################
# With ``neighbours="sequence"``, each image is filled with the last one before it and
# the first one after it. ``method="temporal"`` uses nothing but them and the border of
# the hole. The result is a sequence, too.

results = {
    "network": inpaint(sequence),
    "network, neighbours": inpaint(sequence, neighbours="sequence"),
    "temporal": inpaint(sequence, method="temporal", neighbours="sequence"),
}
print(type(results["network"]).__name__, [filled(s).sum() for s in results["network"]])

###############################################################################
# The left panels show the images with the missing blocks, and the others the errors in
# the holes, which are known here because the blocks were removed from complete images.
# Most of the error is the noise of the pixels, which no method can predict. The
# streamers have hardly changed in twelve hours, so that the neighbour helps the network
# a little. Where structures move, it can also mislead: compare both.

figure = plt.figure(figsize=(14, 7), layout="constrained")
for row, (complete, lossy) in enumerate(zip(frames, damaged, strict=True)):
    errors = {}
    for name, restored in results.items():
        holes = filled(restored[row])
        errors[name] = np.where(holes, restored[row].data - complete.data, np.nan)
    images = {lossy.date.iso[:16]: np.where(holes, np.nan, lossy.data)} | errors
    for column, (title, data) in enumerate(images.items()):
        axes = figure.add_subplot(2, 4, 4 * row + column + 1, projection=complete)
        style = {"cmap": plt.get_cmap("gray").with_extremes(bad="tab:blue")}
        style |= {"vmin": 500, "vmax": 2200}
        if column:
            style = {"cmap": plt.get_cmap("RdBu_r").with_extremes(bad="0.9")}
            style |= {"vmin": -50, "vmax": 50}
            title += f"\nRMS error {np.sqrt(np.nanmean(data**2)):.1f} counts"
        image = axes.imshow(data, origin="lower", interpolation="nearest", **style)
        axes.set_title(title)
        outer = row == 1, column == 0
        for coordinate, label, labelled in zip(axes.coords, "XY", outer, strict=True):
            coordinate.set_format_unit(u.arcsec, decimal=True)
            coordinate.set_ticks(spacing=4000 * u.arcsec)
            coordinate.set_axislabel(f"Solar {label} [arcsec]" if labelled else " ")
            coordinate.set_ticklabel_visible(labelled)
        if row == 1 and column in (0, 3):
            label = "Error [counts]" if column else "Counts"
            figure.colorbar(image, ax=axes, label=label, orientation="horizontal")

###############################################################################
# An `~ndcube.NDCube` has one header and a WCS with a time axis. The time of each image
# follows from the WCS. The result is that of the sequence, except for the rounding of
# the times.

wcs = WCS(naxis=3)
first = damaged[0]
wcs.wcs.ctype = ["HPLN-TAN", "HPLT-TAN", "UTC"]
wcs.wcs.cunit = ["arcsec", "arcsec", "s"]
wcs.wcs.crpix = [first.meta["crpix1"], first.meta["crpix2"], 1]
wcs.wcs.cdelt = [56, 56, (damaged[1].date - first.date).to_value("s")]
wcs.wcs.dateref = first.date.isot
wcs.wcs.mjdref = [first.date.mjd, 0]
cube = NDCube(np.stack([smap.data for smap in damaged]), wcs, meta=dict(first.meta))
result = inpaint(cube, neighbours="sequence")
print(type(result).__name__, result.data.shape, filled(result).sum(axis=(1, 2)))
for index, smap in enumerate(results["network, neighbours"]):
    difference = np.abs(result.data[index] - smap.data).max()
    print(f"image {index + 1}: largest difference {difference:.3f} counts")

plt.show()
