"""
=================================
Filling the lost blocks of LASCO
=================================

`sunpy_restore.inpaint` fills the blocks of telemetry that images of LASCO have lost. This example takes a real image of
a coronal mass ejection that is whole, loses blocks of it as telemetry does, fills them with several methods, and
compares the fills with what was there.
"""

import matplotlib.pyplot as plt
import numpy as np

import sunpy.map
from sunpy.coordinates import sun

from sunpy_restore import inpaint
from sunpy_restore.data import sample_path
from sunpy_restore.inpainting.background import find_background
from sunpy_restore.inpainting.damage import find_missing
from sunpy_restore.inpainting.detector import check_lasco
from sunpy_restore.inpainting.forward import draw_losses, lose
from sunpy_restore.inpainting.pattern import detector_pattern

###############################################################################
# The image was taken by C3 on 2002-01-08, and no network was trained on it. Nothing in it is lost: what is zero are the
# blocks in the corners, which the instrument never sends.

whole = sunpy.map.Map(sample_path("lasco_c3_cme"))
lasco = check_lasco(whole)
found = find_missing(whole)
print(f"{whole.date.isot}, level {lasco.level}: {found.mask.sum()} pixels are lost, {found.blind.sum()} show nothing")

###############################################################################
# Blocks of 32 x 32 pixels are drawn as telemetry loses them, single ones, rows and clusters, in the inner quarter of
# the field. Three places are scored one by one: the ejection; its leg and the edge of the occulter; and streamers.

part = np.s_[320:832, 224:736]
mask = np.zeros(whole.data.shape, dtype=bool)
losses = {"single": 0.5, "row": 0.25, "cluster": 0.25}
mask[part] = draw_losses(mask[part].shape, np.random.default_rng(1217), 0.11, kinds=losses)
observed = sunpy.map.Map(lose(whole.data, mask), whole.meta)

columns = np.arange(mask.shape[1])
places = {
    "the ejection": mask & (columns < 352),
    "leg, occulter": mask & (columns >= 352) & (columns < 544),
    "streamers": mask & (columns >= 544),
}
found = find_missing(observed)
print("the losses are found:", np.array_equal(found.mask, mask))

###############################################################################
# One call fills them. Laplace's equation continues the counts around a block (``"harmonic"``), or their ratio to the
# radial profile (``"radial"``); the network has learned what coronas look like. It can also be given frames of before
# and after. Here that is one of twelve hours later: streamers are where they were, the ejection is gone.

later = sunpy.map.Map(sample_path("lasco_c3_later"))
filled = {method: inpaint(observed, method=method) for method in ("harmonic", "radial", "network")}
filled["network, neighbour"] = inpaint(observed, neighbours=[later])
kept = [np.array_equal(smap.data[~mask], whole.data[~mask]) for smap in filled.values()]
print("all other pixels are unchanged:", all(kept))

###############################################################################
# The corona is much brighter at the occulter than at the edge of the field. To see the ejection, images are divided by
# the smooth background of the whole image, which holds the pattern of the detector, too. Axes are solar radii. The arc
# in the left half is the front of the ejection; the white streak above the occulter is a comet, 96P/Machholz, and that
# to its right a planet, whose charge has bled along the rows.

brightness = np.where(found.blind, 0, whole.data - lasco.bias)
pattern = np.nan_to_num(detector_pattern(whole.data.shape, lasco))
background, _, noise = find_background(brightness, ~found.blind, lasco.center, pattern)
radius = whole.scale.axis1.to_value("arcsec/pix") / sun.angular_radius(whole.date).to_value("arcsec")


def figure_of(rows, columns, figsize):
    """Panels that share their axes."""
    figure, panels = plt.subplots(rows, columns, figsize=figsize, layout="constrained", sharex=True, sharey=True)
    figure.supxlabel("Solar X [solar radii]")
    figure.supylabel("Solar Y [solar radii]")
    return figure, panels


def show(axes, image, title, place=part, **options):
    """A part of an image in solar radii from the centre of the Sun."""
    edges = [
        (edge - 0.5 - middle) * radius
        for side, middle in zip(place[::-1], lasco.center, strict=True)
        for edge in (side.start, side.stop)
    ]
    drawn = axes.imshow(image[place], origin="lower", interpolation="nearest", extent=edges, **options)
    axes.set_title(title)
    return drawn


rows = columns[:, np.newaxis]
distance = radius * np.hypot(columns - lasco.center[0], rows - lasco.center[1])
shaded = (distance < 3.6) | (pattern < -1.2)


def ratio(smap):
    """Brightness over the background, 1 behind the occulter and the pylon."""
    return np.where(shaded, 1, (smap.data - lasco.bias) / background)


corona = {"cmap": plt.get_cmap("gray").with_extremes(bad="tab:blue"), "vmin": 0.88, "vmax": 1.18}
figure, panels = figure_of(1, 2, figsize=(11, 5))
image = show(panels[0], ratio(whole), "whole", **corona)
show(panels[1], np.where(mask, np.nan, ratio(observed)), "lost blocks", **corona)
figure.colorbar(image, ax=panels, label="Brightness / smooth background", shrink=0.9)

###############################################################################
# Fills above, and below their errors in units of the noise from pixel to pixel. An error map of a perfect fill would
# show noise alone, with a star here and there: those can't be known. The neighbour shows a ray due east of the Sun that
# is not in the image yet: a fill that believes the neighbour too much has a streak there.

figure, panels = figure_of(2, len(filled), figsize=(15, 7))
error = {"cmap": plt.get_cmap("RdBu_r").with_extremes(bad="0.85"), "vmin": -5, "vmax": 5}
for (above, below), (method, smap) in zip(panels.T, filled.items(), strict=True):
    image = show(above, ratio(smap), method, **corona)
    errors = show(below, np.where(mask, (smap.data - whole.data) / noise, np.nan), "", **error)
figure.colorbar(image, ax=panels[0], label="Brightness / background", shrink=0.9)
figure.colorbar(errors, ax=panels[1], label="Error / noise", shrink=0.9)

###############################################################################
# In numbers: the root mean square of the error in the holes over the median brightness of the image, in per cent. The
# last row is the noise from pixel to pixel, which no fill can go far below.

typical = np.median(whole.data[~found.blind])
everywhere = {"all": mask, **places}
print(f"{'RMS error [%]':<20}", *(f"{place:>14}" for place in everywhere))
scored = {method: smap.data - whole.data for method, smap in filled.items()} | {"noise": noise}
for name, values in scored.items():
    errors = [100 * np.sqrt(np.mean(values[hole] ** 2)) / typical for hole in everywhere.values()]
    print(f"{name:<20}", *(f"{value:14.2f}" for value in errors))

###############################################################################
# A closer look at the leg of the ejection and the edge of the occulter. The fill is the expected value and has no
# noise, so that it looks smooth beside what was observed. For looking at, ``texture=True`` gives it noise like that of
# its surroundings; for measuring, leave it off.

textured = inpaint(observed, texture=True)
near = np.s_[540:652, 352:576]
close = {"cmap": corona["cmap"], "vmin": 0.8, "vmax": 1.2}
images = {"whole": ratio(whole), "lost": np.where(mask, np.nan, ratio(observed))}
images |= {method: ratio(smap) for method, smap in filled.items() if "neighbour" not in method}
images["network, texture"] = ratio(textured)
figure, panels = figure_of(2, 3, figsize=(13, 4.8))
for axes, (title, data) in zip(panels.flat, images.items(), strict=True):
    image = show(axes, data, title, near, **close)
figure.colorbar(image, ax=panels, label="Brightness / smooth background", shrink=0.9)

###############################################################################
# Does it fit? The brightness along a row of pixels through the middle of the lost row beside the occulter, as the mean
# of five rows: what was there, what the methods put there, and in grey where it was lost.

middle = 592
line = np.s_[middle - 2 : middle + 3, part[1]]
x = (columns[part[1]] - lasco.center[0]) * radius
figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
axes.fill_between(x, 0, 1, where=mask[middle, part[1]], color="0.9", transform=axes.get_xaxis_transform())
for name, smap in {"whole": whole, **filled}.items():
    style = {"color": "black", "linewidth": 0.8} if name == "whole" else {}
    axes.plot(x, ratio(smap)[line].mean(axis=0), label=name, **style)
axes.set_xlabel("Solar X [solar radii]")
axes.set_ylabel("Brightness / smooth background")
axes.set_ylim(0.7, 1.3)
axes.legend(ncols=5, fontsize="small")

plt.show()
