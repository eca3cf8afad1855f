"""
====================================
Taking the dirty beam out of a flare
====================================

`sunpy_restore.backproj_to_clean` takes the dirty beam out of back-projections of STIX. This example takes a real flare,
whose truth nobody knows, and asks how well images agree with the visibilities that were measured; and then a scene that
was made up, whose truth is known.
"""

import matplotlib.pyplot as plt
import numpy as np

import sunpy.map

from sunpy_restore import backproj_to_clean
from sunpy_restore.cleaning.agreement import modelled
from sunpy_restore.cleaning.fourier import Grid, back_projection, weights_of
from sunpy_restore.cleaning.measured import open_visibilities, read_visibilities
from sunpy_restore.cleaning.recipe.scores import restorers, share_found
from sunpy_restore.cleaning.scenes import ellipse, image_of, joined, loop, visibilities_of_scene
from sunpy_restore.data import sample_path

###############################################################################
# The flare of 2020-06-07, 6-10 keV, seen from 0.53 au. The file holds the back-projection and the 24 visibilities that
# it was made of.

dirty = sunpy.map.Map(sample_path("stix_flare"))
visibilities = open_visibilities(sample_path("stix_flare"))
measured = read_visibilities(visibilities)
print(f"{dirty.date.isot}, {dirty.unit}, maximum {dirty.data.max():.2f}")

###############################################################################
# One call makes an image. Given the visibilities as well, it is made to agree with them within their errors.

images = {
    "CLEAN": backproj_to_clean(dirty, method="clean"),
    "network": backproj_to_clean(dirty),
    "network, agreeing": backproj_to_clean(dirty, visibilities=visibilities),
}
print(f"beam {3600 * images['network'].meta['bmaj']:.1f} arcsec, {images['network'].unit}")

###############################################################################
# The axes are those of the Sun: the instrument is turned against them by 90 degrees and the roll of the spacecraft.
# Contours are at 20, 50 and 80 % of the maximum, and of -20 % dashed. The back-projection has side lobes all over the
# field, CLEAN some of what it leaves of them.

figure = plt.figure(figsize=(15, 4.4), layout="constrained")
for place, (name, smap) in enumerate({"back-projection": dirty, **images}.items(), 1):
    axes = figure.add_subplot(1, 4, place, projection=smap)
    high = smap.data.max()
    image = smap.plot(axes=axes, cmap="inferno", norm=None, vmin=-0.2 * high, vmax=high, title=name)
    axes.contour(smap.data / high, levels=[-0.2, 0.2, 0.5, 0.8], colors="white", linewidths=0.7)
    smap.draw_limb(axes=axes, color="tab:blue")
    axes.coords.grid(False)
    axes.coords[0].set_major_formatter("s")
    axes.coords[1].set_major_formatter("s")
    axes.set_xlabel("Solar X [arcsec]")
    axes.set_ylabel("Solar Y [arcsec]" if place == 1 else " ")
    figure.colorbar(image, ax=axes, orientation="horizontal", label=f"{smap.unit:unicode}", shrink=0.9)

###############################################################################
# What visibilities do these images have? The clean beam is taken out first. The image of CLEAN holds its residual,
# which is no source seen with a beam, and it is that which disagrees: its components alone would fit about as well. The
# upper panel has the amplitudes, the lower one the differences from what was measured, in units of the errors.
# Sub-collimators 10 are the coarsest, with 179 arcsec; 3 are the finest, with 15.

pixels = (dirty.scale.axis2.value, dirty.scale.axis1.value)
grid = Grid(dirty.data.shape, pixels)
order = np.argsort(measured.plane.frequency)
place = np.arange(len(order))
figure, (above, below) = plt.subplots(2, 1, figsize=(9, 6), layout="constrained", sharex=True)
above.errorbar(place, np.abs(measured.found)[order], measured.errors[order], fmt="ko", label="measured", markersize=3)
below.axhspan(-1, 1, color="0.9")
for shift, (name, smap) in zip((-0.2, 0, 0.2), images.items(), strict=True):
    found = modelled(smap.data, measured.plane, grid)
    left = (found - measured.found) / measured.errors
    chi_squared = np.mean(np.abs(left) ** 2) / 2
    (line,) = above.plot(place, np.abs(found)[order], label=f"{name}, reduced $\\chi^2$ = {chi_squared:.2f}")
    below.plot(place + shift, left.real[order], "o", markersize=3, color=line.get_color())
    below.plot(place + shift, left.imag[order], "x", markersize=4, color=line.get_color())
above.set_ylabel("amplitude [counts / (s keV cm$^2$)]")
above.legend()
below.set_ylabel("(image - measured) / error\nreal (o), imaginary (x)")
below.set_ylim(-6, 6)
below.set_xticks(place, [measured.plane.labels[index] for index in order], fontsize="small")
below.set_xlabel("sub-collimator")

###############################################################################
# A loop with a bright top between two footpoints, with 5 % of noise. Here the truth is known: the right panel is the
# scene seen with the clean beam. Below are the errors, in one scale for both methods.

scene = joined(
    [
        loop(1.0, 0.0, 0.0, 90.0, 8.0, 0.5, 2.5),
        ellipse(0.5, -6.0, 11.0, 10.0, 10.0, 0.0),
        ellipse(0.35, -32.0, -30.0, 6.0, 6.0, 0.0),
        ellipse(0.25, 40.0, 4.0, 6.0, 6.0, 0.0),
    ]
)
rng = np.random.default_rng(5)
found = visibilities_of_scene(scene, measured.plane)
noise = 0.05 * np.abs(found).max() * (rng.standard_normal(24) + 1j * rng.standard_normal(24)) / np.sqrt(2)
made = back_projection(found + noise, measured.plane, grid, weights_of(measured.plane))
simulated = sunpy.map.Map(made, dirty.meta)
methods = {"CLEAN": "clean", "network": "network"}
results = {name: backproj_to_clean(simulated, method=method).data for name, method in methods.items()}
area = 2 * np.pi * (14.6 / np.sqrt(8 * np.log(2))) ** 2
truth = image_of(scene, grid, 14.6) / area

edge = 65 * pixels[0]
shown = {"origin": "lower", "extent": [-edge, edge, -edge, edge], "cmap": "inferno"}
figure, panels = plt.subplots(2, 3, figsize=(11, 7), layout="constrained", sharex=True, sharey=True)
for (above, below), (name, image) in zip(panels.T, {**results, "truth": truth}.items(), strict=True):
    sky = above.imshow(image, vmin=-0.2 * truth.max(), vmax=truth.max(), **shown)
    above.set_title(name)
    if name == "truth":
        below.imshow(made, **shown)
        below.set_title("what was seen")
        continue
    limits = {"vmin": -0.5 * truth.max(), "vmax": 0.5 * truth.max()}
    errors = below.imshow(image - truth, **{**shown, "cmap": "RdBu_r", **limits})
    best = (image * truth).sum() / np.square(image).sum()
    error = np.sqrt(np.square(best * image - truth).mean() / np.square(truth).mean())
    below.set_title(f"error {error:.0%}, flux {image.sum() / truth.sum() - 1:+.1%}")
figure.colorbar(sky, ax=panels[0], label="brightness [flux / arcsec$^2$]", shrink=0.9)
figure.colorbar(errors, ax=panels[1, :2], label="error [flux / arcsec$^2$]", shrink=0.9)
figure.supxlabel("x of STIX [arcsec]")
figure.supylabel("y of STIX [arcsec]")

###############################################################################
# How close can two sources be? The fainter one has 0.3 to 1 times the flux of the other. Both are found where the image
# has a maximum within 8 arcsec of each, and no other one above 15 % of the brightest. Side lobes that CLEAN leaves are
# such others.

separations = (12, 16, 18, 20, 22, 25, 30, 40, 50, 60, 70)
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
functions = restorers("backproj", ["network", "clean"], weights=None, device=None)
for (name, function), colour in zip(functions.items(), ("tab:blue", "tab:red"), strict=True):
    for level, style in ((0.05, "-"), (0.1, "--"), (0.2, ":")):
        shares = [100 * share_found(function, separation, level=level, count=30) for separation in separations]
        axes.plot(separations, shares, style, color=colour, label=f"{name}, noise {level:.0%}")
axes.axvline(14.6, color="0.8", zorder=0)
axes.set_xlabel("separation [arcsec]; grey: the beam")
axes.set_ylabel("both found, and nothing else [%]")
axes.legend(fontsize="small")

plt.show()
