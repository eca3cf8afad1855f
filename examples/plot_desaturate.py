"""
========================================
Recovering the saturated core of a flare
========================================

`sunpy_restore.desaturate` fills what AIA could not record of a flare. This example recovers a real saturated image,
compares the network with two methods that do without one, asks the diffraction fringes which of them is right, and then
does the same with a simulated flare, whose truth is known.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap, LogNorm
from scipy import ndimage

import astropy.units as u

import sunpy.map

from sunpy_restore import desaturate
from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.forward import FULL_WELL, expose, fringes
from sunpy_restore.desaturation.report import fringe_residual, fringe_strength
from sunpy_restore.desaturation.saturation import find_saturation

###############################################################################
# A flare of 2014-10-26 at 193 Å comes with the package. Its core has filled the wells of the camera: some pixels by the
# light that fell on them, others by charge that spilled up and down from there. Two pixels around them are filled, too,
# because the registration of level 1.5 has mixed them with full ones.

observed = sunpy.map.Map(sample_path("aia_193_flare"))
found = find_saturation(observed)
print(f"full at {found.level:.0f} DN: {found.primary.sum()} pixels by light, {found.bleed.sum()} by charge")
print(f"to be filled: {found.mask.sum()} of {found.mask.size} pixels")

###############################################################################
# One call recovers it. ``"biharmonic"`` continues the surroundings smoothly; ``"diffraction"`` seeks the core whose
# fringes are seen around it, and does not know what flares look like; the network does, and its fill is then corrected
# with the fringes.

methods = ("biharmonic", "diffraction", "network")
restored = {method: desaturate(observed, method=method) for method in methods}

###############################################################################
# Before, what is filled (full pixels in blue and green, their margin in grey), and after on one logarithmic scale. What
# is not under the mask is identical in all of them.


def show(axes, image, title, **options):
    """An image in solar coordinates; labels of solar Y on the first panel of a row alone."""
    drawn = axes.imshow(image, origin="lower", interpolation="nearest", **options)
    axes.set_title(title)
    first = axes.get_subplotspec().is_first_col()
    for coordinate, label in zip(axes.coords, ("Solar X [arcsec]", "Solar Y [arcsec]" if first else " "), strict=True):
        coordinate.set_format_unit(u.arcsec, decimal=True)
        coordinate.set_axislabel(label)
        coordinate.set_ticks(number=4)
    axes.coords[1].set_ticklabel_visible(first)
    return drawn


def row(smap, count):
    """A row of panels that share the coordinates of a Map."""
    figure, panels = plt.subplots(
        ncols=count, figsize=(3.4 * count, 3.9), layout="constrained", subplot_kw={"projection": smap}
    )
    return figure, panels


core = observed.submap([38, 78] * u.pix, top_right=[98, 138] * u.pix)
part = np.s_[78:139, 38:99]  # the same pixels of an array
norm = LogNorm(800, max(smap.data.max() for smap in restored.values()))

figure, panels = row(core, 2 + len(restored))
image = show(panels[0], core.data, "AIA 193 Å", cmap=core.cmap, norm=norm)
kinds = np.where(found.primary, 3, np.where(found.bleed, 2, found.mask))[part]
colours = ListedColormap(["white", "lightgray", "tab:green", "tab:blue"])
show(panels[1], kinds, "blue: by light, green: by charge", cmap=colours, vmin=0, vmax=3)
for axes, (method, smap) in zip(panels[2:], restored.items(), strict=True):
    show(axes, smap.data[part], method, cmap=core.cmap, norm=norm)
figure.colorbar(image, ax=panels, label="Intensity [DN]", shrink=0.8)

unchanged = [np.array_equal(smap.data[~found.mask], observed.data[~found.mask]) for smap in restored.values()]
print("pixels outside of the mask are unchanged:", all(unchanged))

###############################################################################
# Which one is right? The meshes that carry AIA's filters diffract a third of the light, so that every core is repeated
# around itself, much fainter and not saturated. `~sunpy_restore.desaturation.forward.fringes` predicts these
# repetitions from a fill. They are best seen on dark corona, such as that south-west of the core. The first panel is
# what was observed there, without its smooth part; then comes what each fill predicts, and what is left of the
# observation without the network's fringes. The streaks across its middle should be gone, and nothing else.


def sharp(image, width=2.5):
    """What changes within a few pixels; pixels under the mask don't count."""
    valid = ~found.mask
    fine, smooth = (
        ndimage.gaussian_filter(np.where(valid, image, 0), size)
        / np.maximum(ndimage.gaussian_filter(valid.astype(float), size), 1e-3)
        for size in (0.7, width)
    )
    return fine - smooth


dark = observed.submap([85, 5] * u.pix, top_right=[185, 90] * u.pix)
part = np.s_[5:91, 85:186]
predicted = {method: fringes(np.where(found.mask, smap.data, 0), 193) for method, smap in restored.items()}
fine = {"observed": observed.data} | {f"predicted: {method}": pattern for method, pattern in predicted.items()}
fine["observed - network's"] = observed.data - predicted["network"]

figure, panels = row(dark, len(fine))
for axes, (title, data) in zip(panels, fine.items(), strict=True):
    image = show(axes, sharp(data)[part], title, cmap="gray", vmin=-100, vmax=100)
figure.colorbar(image, ax=panels, label="Fine structure [DN]", shrink=0.8)

###############################################################################
# Two numbers say how well they agree. The residual is what the predicted fringes leave of the differences from pixel to
# pixel, over what is there without any; most of it is the corona's own structure, so that it is never small, and only
# its order means something. The strength is that of the fringes seen over those predicted: above 1, light is missing in
# the core.

for method, smap in {"as observed": observed, **restored}.items():
    residual = fringe_residual(smap.data, found.mask, 193)
    strength = fringe_strength(smap.data, found.mask, 193)
    light = smap.data[found.mask].sum()
    print(f"{method:<12} residual {residual:.4f}, seen / predicted {strength:.2f}, light under the mask {light:.3g} DN")

###############################################################################
# A flare whose truth is known: a ribbon of five full wells, put into an active region and taken through the instrument,
# that is fringes, noise, full wells and spilled charge.

quiet = sunpy.map.Map(sample_path("aia_171_quiet"))
y, x = np.indices(quiet.data.shape)
along, across = 0.8 * (x - 180) + 0.6 * (y - 110), 0.8 * (y - 110) - 0.6 * (x - 180)
ribbon = np.exp(-((along / 9) ** 2) - ((across - 0.03 * along**2) / 2.2) ** 2) * (1 + 0.5 * np.cos(along / 2.5))
source = 5 * FULL_WELL * ribbon / ribbon.max()
truth = quiet.data + source + fringes(source, 171)
exposure, _ = expose(truth, 171, np.random.default_rng(1))
saturated = sunpy.map.Map(exposure, quiet.meta)
recovered = {method: desaturate(saturated, method=method) for method in methods}

part = np.s_[80:141, 150:211]
near = quiet.submap([150, 80] * u.pix, top_right=[210, 140] * u.pix)
norm = LogNorm(300, truth.max())
figure, panels = row(near, 2 + len(recovered))
images = {"truth": truth, "saturated": exposure} | {method: smap.data for method, smap in recovered.items()}
for axes, (title, data) in zip(panels, images.items(), strict=True):
    image = show(axes, data[part], title, cmap=near.cmap, norm=norm)
figure.colorbar(image, ax=panels, label="Intensity [DN]", shrink=0.8)

###############################################################################
# A profile through the core, along the column of its brightest pixel, and the light that saturation hid.

top, peak = np.unravel_index(np.argmax(truth), truth.shape)
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
distance = 0.6 * (np.arange(part[0].start, part[0].stop) - top)
styles = {"truth": {"color": "black", "linewidth": 2}, "saturated": {"color": "gray", "linestyle": ":"}}
for title, data in images.items():
    axes.semilogy(distance, data[part[0], peak], label=title, **styles.get(title, {}))
axes.set_xlabel("Distance from the brightest pixel [arcsec]")
axes.set_ylabel("Intensity [DN]")
axes.legend()

lit = truth > FULL_WELL
hidden = (truth[lit] - FULL_WELL).sum()
for method, smap in recovered.items():
    error = (smap.data[lit] - FULL_WELL).sum() / hidden - 1
    place = np.unravel_index(np.argmax(np.where(smap.mask, smap.data, 0)), truth.shape)
    away = np.hypot(*np.subtract(place, (top, peak)))
    print(f"{method:<12} light above the full well {error:+.0%}, brightest pixel {away:.1f} pixels off")

plt.show()
