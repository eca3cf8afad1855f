"""
======================================
Filling LASCO blocks, then calibrating
======================================

Missing blocks are filled before an image is calibrated: on the pixels of the detector
they are exact squares of zeros, which a calibration changes and a correction of the
distortion smears out. This example fills a LASCO C3 image of level 0.5 and converts it
to the mean brightness of the Sun, and shows what happens in the other order.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

import astropy.units as u

import sunpy.map

from sunpy_restore import filled, inpaint
from sunpy_restore.data import sample_path
from sunpy_restore.inpainting.lasco.flat_field import flat_field
from sunpy_restore.inpainting.lasco.header import check_lasco

###############################################################################
# The sample is complete, so that the truth is known. Blocks of 32 x 32 pixels are
# removed from it.

complete = sunpy.map.Map(sample_path("lasco_c3_cme"))
counts = complete.data.copy()
for y, x, rows, columns in (
    (384, 288, 2, 2),
    (480, 704, 1, 3),
    (640, 416, 2, 1),
    (704, 576, 2, 2),
):
    counts[y : y + 32 * rows, x : x + 32 * columns] = 0
observed = sunpy.map.Map(counts, complete.meta)
restored = inpaint(observed)
holes = filled(restored)
print(f"{holes.sum()} filled pixels")

###############################################################################
# A full calibration needs the files of SolarSoft: vignetting, stray light, distortion
# and the bias of the day. `corkit <https://pypi.org/project/corkit/>`__ is a package
# that downloads and applies them. This is its call, which is not executed here::
#
#     import asyncio
#
#     from corkit.dataset import update
#     from corkit.lasco import level_1
#
#     sunpy_restore.save(restored, "restored.fits")
#     asyncio.run(update())  # once; downloads the calibration files
#     [(data, header)] = level_1(["restored.fits"])
#
# Offline, this example does the steps that need no files. The bias is in the header.
# The calibration factor is that of C3 with the clear filter in SolarSoft
# (``c3_calfactor.pro``) and corkit. The flat field of the package, which
# `sunpy_restore.inpaint` uses, stands in for the vignetting function. The result still
# contains the stray light.

lasco = check_lasco(complete)
response = np.exp(flat_field(complete.data.shape, lasco))
factor = 1e-10 * (7.43e-8 * (complete.date.mjd - 50000) + 5.96e-3)
print(f"bias {lasco.bias:.0f} counts, exposure {lasco.exposure:.1f} s")
print(f"1 count / s is {factor:.3g} of the mean solar brightness")


def calibrated(smap):
    """Convert counts to the mean brightness of the Sun."""
    brightness = factor * (smap.data - lasco.bias) / lasco.exposure / response
    return sunpy.map.Map(brightness, smap.meta | {"bunit": ""})


truth, result, untreated = (calibrated(smap) for smap in (complete, restored, observed))
error = (result.data - truth.data)[holes] / np.median(truth.data[holes])
print(f"error in the holes: mean {error.mean():+.1%}, RMS {error.std():.1%}")

###############################################################################
# In the other order, the zeros have become small negative values that differ from pixel
# to pixel. `sunpy_restore.inpaint` does not find missing blocks any more, says so, and
# returns the Map as it is. It would then need their mask.

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    unchanged = inpaint(untreated)
for message in {str(warning.message) for warning in caught}:
    if "missing" in message.lower() and "metadata" not in message.lower():
        print(message)
print("returned unchanged:", unchanged is untreated)

###############################################################################
# The first panel is the image as it was sent. The others have one logarithmic scale:
# the calibrated image, with the borders of the filled blocks, and the truth. The shadow
# of the pylon, where less than 0.3 of the light arrives, is grey; there is no corona
# behind the occulter.

part = [224, 320] * u.pix, [799, 831] * u.pix
window = np.s_[320:832, 224:800]
behind = ~(response > 0.3)
panels = {
    "level 0.5, blocks missing": (np.where(counts > 0, counts, np.nan), "Counts"),
    "filled, then calibrated": (result.data, None),
    "complete, calibrated": (truth.data, "Mean solar brightness"),
}
grey = plt.get_cmap("gray").with_extremes(bad="tab:blue")
figure = plt.figure(figsize=(15, 4.6), layout="constrained")
for index, (title, (data, label)) in enumerate(panels.items()):
    projection = complete.submap(part[0], top_right=part[1])
    axes = figure.add_subplot(1, 3, index + 1, projection=projection)
    shown = data[window]
    norm = LogNorm(*np.nanpercentile(shown, [5, 99.5]))
    if index:
        shown = np.where(behind[window], np.nan, shown)
        norm = LogNorm(2e-11, 6e-10)
    colours = grey if index == 0 else grey.with_extremes(bad="0.5", under="black")
    image = axes.imshow(shown, origin="lower", cmap=colours, norm=norm)
    if index == 1:
        axes.contour(holes[window], [0.5], colors="tab:orange", linewidths=0.8)
    if label:
        figure.colorbar(image, ax=axes, label=label, shrink=0.9)
    axes.set_title(title)
    axes.coords.grid(draw_grid=False)
    for coordinate, letter in zip(axes.coords, "XY", strict=True):
        coordinate.set_format_unit(u.arcsec, decimal=True)
        coordinate.set_ticks(number=4)
        shown_label = letter == "X" or index == 0
        coordinate.set_axislabel(f"Solar {letter} [arcsec]" if shown_label else " ")

###############################################################################
# A cut through the block in the west, averaged over eleven rows. Without filling, a
# calibrated hole has negative brightness.

row = 496
line = np.s_[row - 5 : row + 6, 224:800]
columns = np.arange(224, 800)
x = complete.wcs.pixel_to_world(columns, row).Tx.to_value("arcsec")
figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
missing = holes[row, 224:800]
axes.fill_between(
    x, 0, 1, where=missing, color="0.9", transform=axes.get_xaxis_transform()
)
for name, smap in {
    "not filled": untreated,
    "complete": truth,
    "filled, then calibrated": result,
}.items():
    values = np.where(behind[line], np.nan, smap.data[line]).mean(axis=0)
    style = {"color": "black", "linewidth": 3} if name == "complete" else {}
    axes.plot(x, values, label=name, **style)
axes.set_xlabel("Solar X [arcsec]")
axes.set_ylabel("Mean solar brightness")
axes.legend()

plt.show()
