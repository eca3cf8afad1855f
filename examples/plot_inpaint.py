"""
============================
Filling missing LASCO blocks
============================

`sunpy_restore.inpaint` fills missing telemetry blocks in LASCO images. This example
takes a complete image of a coronal mass ejection (CME), removes blocks with the
statistics of telemetry losses, fills them with several methods, and compares the
results with the original image.
"""

import matplotlib.pyplot as plt
import numpy as np

import astropy.units as u

import sunpy.map
from sunpy.coordinates import sun

from sunpy_restore import inpaint
from sunpy_restore.data import sample_path
from sunpy_restore.inpainting.corona.background import find_background
from sunpy_restore.inpainting.forward import draw_losses, lose
from sunpy_restore.inpainting.lasco.flat_field import flat_field
from sunpy_restore.inpainting.lasco.header import check_lasco
from sunpy_restore.inpainting.lasco.missing_blocks import find_missing_blocks

###############################################################################
# The sample is a C3 image of 2002-01-08, which was not used for training. No block is
# missing. The zeros in its corners are blocks that the instrument never transmits.

complete = sunpy.map.Map(sample_path("lasco_c3_cme"))
lasco = check_lasco(complete)
missing = find_missing_blocks(complete)
print(f"{complete.date.isot}, level {lasco.level}")
print(f"missing pixels: {missing.mask.sum()}")
print(f"unobserved pixels: {missing.unobserved.sum()}")

###############################################################################
# Blocks of 32 x 32 pixels are removed from the central quarter of the field of view:
# single blocks, rows and clusters. The errors are evaluated separately in three
# regions: the CME; its leg and the edge of the occulter; and streamers.

part = np.s_[320:832, 224:736]
mask = np.zeros(complete.data.shape, dtype=bool)
losses = {"single": 0.5, "row": 0.25, "cluster": 0.25}
mask[part] = draw_losses(
    mask[part].shape, np.random.default_rng(1217), 0.11, kinds=losses
)
observed = sunpy.map.Map(lose(complete.data, mask), complete.meta)

columns = np.arange(mask.shape[1])
regions = {
    "CME": mask & (columns < 352),
    "leg, occulter": mask & (columns >= 352) & (columns < 544),
    "streamers": mask & (columns >= 544),
}
missing = find_missing_blocks(observed)
print("all missing blocks are detected:", np.array_equal(missing.mask, mask))

###############################################################################
# A single call fills the blocks. ``"harmonic"`` solves Laplace's equation for the
# counts, and ``"radial"`` for their ratio to the radial profile. The network was
# trained on coronal images. Frames taken before or after the image can be given in
# addition. Here one frame taken twelve hours later is used: the streamers have not
# changed, and the CME is gone.

later = sunpy.map.Map(sample_path("lasco_c3_later"))
filled = {
    method: inpaint(observed, method=method)
    for method in ("harmonic", "radial", "network")
}
filled["network, neighbour"] = inpaint(observed, neighbours=[later])
kept = [
    np.array_equal(smap.data[~mask], complete.data[~mask]) for smap in filled.values()
]
print("all other pixels are unchanged:", all(kept))

###############################################################################
# The corona is much brighter near the occulter than at the edge of the field of view.
# To make the CME visible, the images are divided by the smooth background of the
# complete image, which includes the flat field. The arc in the left half is the front
# of the CME. The white streak above the occulter is comet 96P/Machholz. The bright
# object to the lower right of the occulter is a planet, whose charge has bloomed along
# the rows. The header does not contain the observer, so sunpy assumes an observer on
# Earth for the axes and issues a warning.

brightness = np.where(missing.unobserved, 0, complete.data - lasco.bias)
response = np.nan_to_num(flat_field(complete.data.shape, lasco))
background, _, noise = find_background(
    brightness, ~missing.unobserved, lasco.center, response
)


def panels_of(rows, columns, figsize, place=part):
    """Create panels with the WCS of a part of the image."""
    projection = complete.submap(
        [place[1].start, place[0].start] * u.pix,
        top_right=[place[1].stop - 1, place[0].stop - 1] * u.pix,
    )
    subplots = {
        "figsize": figsize,
        "layout": "constrained",
        "subplot_kw": {"projection": projection},
    }
    figure, panels = plt.subplots(rows, columns, **subplots)
    figure.get_layout_engine().set(h_pad=0.15)
    return figure, panels


def show(axes, image, title, place=part, **options):
    """Plot a part of an image, with axis labels on the outer panels only."""
    drawn = axes.imshow(
        image[place], origin="lower", interpolation="nearest", **options
    )
    axes.set_title(title)
    shown = axes.get_subplotspec().is_last_row(), axes.get_subplotspec().is_first_col()
    for coordinate, label, visible in zip(
        axes.coords, ("Solar X", "Solar Y"), shown, strict=True
    ):
        coordinate.set_format_unit(u.arcsec, decimal=True)
        coordinate.set_axislabel(f"{label} [arcsec]" if visible else " ")
        coordinate.set_ticklabel_visible(visible)
        coordinate.set_ticks(number=4)
    return drawn


radius = complete.scale.axis1.to_value("arcsec/pix") / sun.angular_radius(
    complete.date
).to_value("arcsec")
rows = columns[:, np.newaxis]
distance = radius * np.hypot(columns - lasco.center[0], rows - lasco.center[1])
shaded = (distance < 3.6) | (response < -1.2)


def ratio(smap):
    """Brightness relative to the background, 1 behind the occulter and the pylon."""
    return np.where(shaded, 1, (smap.data - lasco.bias) / background)


corona = {
    "cmap": plt.get_cmap("gray").with_extremes(bad="tab:blue"),
    "vmin": 0.88,
    "vmax": 1.18,
}
figure, panels = panels_of(1, 2, figsize=(11, 5))
image = show(panels[0], ratio(complete), "complete", **corona)
show(panels[1], np.where(mask, np.nan, ratio(observed)), "missing blocks", **corona)
figure.colorbar(image, ax=panels, label="Brightness / background", shrink=0.9)

###############################################################################
# The upper panels show the filled images, and the lower panels the errors in units of
# the pixel noise. The error of a perfect fill would be pure noise, with isolated stars,
# which cannot be predicted. The later frame contains a ray east of the Sun that is not
# yet present in the image. A fill that relies too much on this frame shows a streak
# there.

figure, panels = panels_of(2, len(filled), figsize=(15, 7))
error = {
    "cmap": plt.get_cmap("RdBu_r").with_extremes(bad="0.85"),
    "vmin": -5,
    "vmax": 5,
}
for (above, below), (method, smap) in zip(panels.T, filled.items(), strict=True):
    image = show(above, ratio(smap), method, **corona)
    errors = show(
        below, np.where(mask, (smap.data - complete.data) / noise, np.nan), "", **error
    )
figure.colorbar(image, ax=panels[0], label="Brightness / background", shrink=0.9)
figure.colorbar(errors, ax=panels[1], label="Error / noise", shrink=0.9)

###############################################################################
# The table lists the RMS error in the holes in percent of the median coronal brightness
# of the image, which does not include the detector bias. The last row is the estimated
# pixel noise for comparison.

typical = np.median(complete.data[~missing.unobserved]) - lasco.bias
everywhere = {"all": mask, **regions}
print(f"{'RMS error [% of corona]':<24}", *(f"{region:>14}" for region in everywhere))
scored = {method: smap.data - complete.data for method, smap in filled.items()} | {
    "noise": noise
}
for name, values in scored.items():
    errors = [
        100 * np.sqrt(np.mean(values[hole] ** 2)) / typical
        for hole in everywhere.values()
    ]
    print(f"{name:<24}", *(f"{value:14.2f}" for value in errors))

###############################################################################
# The next figure shows the leg of the CME and the edge of the occulter. The fill is an
# expected value without noise, so it looks smoother than the observation. For display,
# ``texture=True`` adds noise similar to that of the surroundings. Do not use it for
# measurements.

textured = inpaint(observed, texture=True)
near = np.s_[540:652, 352:576]
close = {"cmap": corona["cmap"], "vmin": 0.8, "vmax": 1.2}
images = {
    "complete": ratio(complete),
    "missing blocks": np.where(mask, np.nan, ratio(observed)),
}
images |= {
    method: ratio(smap) for method, smap in filled.items() if "neighbour" not in method
}
images["network, texture"] = ratio(textured)
figure, panels = panels_of(2, 3, (13, 4.8), near)
for axes, (title, data) in zip(panels.flat, images.items(), strict=True):
    image = show(axes, data, title, near, **close)
figure.colorbar(image, ax=panels, label="Brightness / background", shrink=0.9)

###############################################################################
# The last figure shows the brightness along the missing row of blocks next to the
# occulter, averaged over five rows of pixels. Missing pixels are marked in grey.

middle = 592
line = np.s_[middle - 2 : middle + 3, part[1]]
x = complete.wcs.pixel_to_world(columns[part[1]], middle).Tx.to_value("arcsec")
figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
axes.fill_between(
    x,
    0,
    1,
    where=mask[middle, part[1]],
    color="0.9",
    transform=axes.get_xaxis_transform(),
)
for name, smap in {"complete": complete, **filled}.items():
    style = {"color": "black", "linewidth": 0.8} if name == "complete" else {}
    axes.plot(x, ratio(smap)[line].mean(axis=0), label=name, **style)
axes.set_xlabel("Solar X [arcsec]")
axes.set_ylabel("Brightness / background")
axes.set_ylim(0.7, 1.3)
axes.legend(ncols=5, fontsize="small")

plt.show()
