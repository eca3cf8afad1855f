"""
===============================================
Desaturating an AIA image, then deconvolving it
===============================================

The point spread function (PSF) of AIA spreads a part of the light of a flare over its
surroundings. Deconvolution moves it back, but it requires the true brightness of the
flare, which saturated pixels do not have. This example desaturates a flare, deconvolves
it with `aiapy.psf.deconvolve`, and compares the result with that of the image as it was
observed.
"""

import matplotlib.pyplot as plt
import numpy as np
from aiapy.psf import deconvolve
from matplotlib.colors import LogNorm

import astropy.units as u

import sunpy.map

from sunpy_restore import desaturate, filled
from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.fringes.psf import mesh_psf

###############################################################################
# The sample is a flare with a saturated core. Deconvolution comes second: it changes
# all pixels, after which saturation can neither be found nor corrected.

observed = sunpy.map.Map(sample_path("aia_193_flare"))
desaturated = desaturate(observed)
core = filled(desaturated)
print(f"{core.sum()} filled pixels, from {observed.data.max():.0f} DN", end=" ")
print(f"to at most {desaturated.data.max():.0f} DN")

###############################################################################
# `aiapy.psf.psf` computes the PSF for full-disk images, which takes minutes. For a
# cutout, `~sunpy_restore.desaturation.fringes.psf.mesh_psf` evaluates the same
# formula on fewer pixels. The image is continued at its edges by half of its width,
# because the convolution is periodic. Light from outside of the cutout is not known,
# and neither is where the light went that left it.

side = observed.data.shape[0]
pad = side // 2
psf = mesh_psf(193, radius=side)[:-1, :-1]
psf = psf / psf.sum()
core_share = psf[side - 1 : side + 2, side - 1 : side + 2].sum()
print(f"shape of the PSF {psf.shape}, share of the fringes {1 - core_share:.0%}")


def deconvolved(smap):
    """Deconvolve a cutout with the PSF of the meshes."""
    padded = sunpy.map.Map(np.pad(smap.data.astype(float), pad, mode="edge"), smap.meta)
    result = deconvolve(padded, psf=psf, iterations=25)
    return sunpy.map.Map(result.data[pad:-pad, pad:-pad], smap.meta)


first = deconvolved(desaturated)
without = deconvolved(observed)

###############################################################################
# The first three panels show the flare on one logarithmic scale. The last panel shows
# the difference of the surroundings if the image is deconvolved as it was observed;
# filled pixels are grey. Blooming spreads the charge of the core along the columns.
# With this shape, deconvolution removes fringes where there are none (blue), and leaves
# those that are there (red).

corner, top = [30, 70] * u.pix, [110, 150] * u.pix
remaining = sunpy.map.Map(np.where(core, np.nan, without.data - first.data), first.meta)
panels = {
    "observed": observed.submap(corner, top_right=top),
    "desaturated": desaturated.submap(corner, top_right=top),
    "desaturated, deconvolved": first.submap(corner, top_right=top),
    "without desaturation - with": remaining,
}
figure = plt.figure(figsize=(15, 4.2), layout="constrained")
for index, (title, smap) in enumerate(panels.items(), start=1):
    axes = figure.add_subplot(1, 4, index, projection=smap)
    style = {"cmap": observed.cmap, "norm": LogNorm(500, 4e4)}
    if index == 4:
        colours = plt.get_cmap("RdBu_r").with_extremes(bad="0.6")
        style = {"cmap": colours, "vmin": -200, "vmax": 200}
    image = axes.imshow(smap.data, origin="lower", interpolation="nearest", **style)
    axes.set_title(title)
    axes.coords.grid(draw_grid=False)
    for coordinate, label in zip(axes.coords, ("Solar X", "Solar Y"), strict=True):
        coordinate.set_major_formatter("s")
        coordinate.set_ticks(number=4)
        coordinate.set_axislabel(
            f"{label} [arcsec]" if label[-1] == "X" or index == 1 else " "
        )
    if index >= 3:
        label = "Intensity [DN]" if index == 3 else "Difference [DN]"
        figure.colorbar(image, ax=axes, label=label, shrink=0.8)

###############################################################################
# The flux that is moved from the surroundings to the core hardly changes, because
# blooming conserves charge. What changes is where it is removed, and where the core is
# bright.

print(
    f"maximum: {desaturated.data.max():.0f} DN, deconvolved {first.data.max():.0f} DN"
)
for name, before, after in (
    ("saturated", observed, without),
    ("desaturated", desaturated, first),
):
    removed = (before.data - after.data)[~core].sum()
    added = (after.data - before.data)[core].sum()
    print(
        f"{name:<11}: {added:.3g} DN added to the core, {removed:.3g} DN removed around"
    )

plt.show()
