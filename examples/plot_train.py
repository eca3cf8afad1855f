"""
==========================
Training on your own files
==========================

The networks are trained by the same functions that users call. This example trains a
small network for `sunpy_restore.enhance` on a single HMI image, within a minute on one
processor core. It is a demonstration of the steps and not of what training can achieve:
the weights in the package were trained on many images and for hours.
"""

import shutil
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import astropy.units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

import sunpy.map

from sunpy_restore import enhance
from sunpy_restore.data import sample_path
from sunpy_restore.training import build_dataset, evaluate, format_manifest, train

###############################################################################
# The folder ``mine`` stands for your own files: any number of FITS or JPEG 2000 files.
# Here it contains one image of a sunspot.

work = Path(tempfile.mkdtemp())
(work / "mine").mkdir()
shutil.copy(sample_path("hmi_continuum_spot"), work / "mine")

###############################################################################
# `~sunpy_restore.training.build_dataset` decides which files are suited, and which part
# of them is kept back from the training. One image is split by region. HMI images serve
# as the truth with pixels of half the size, from which observations are simulated.

manifest = build_dataset("enhance-continuum", work / "mine", work / "data")
print(format_manifest(manifest))

###############################################################################
# ``changes`` replaces values of the configuration: fewer layers, and 300 steps instead
# of thousands. On the command line this is ``sunpy-restore train enhance-continuum
# --data data --out run --set steps=300 ...``.

changes = {
    "steps": 300,
    "learning_rate": 0.003,
    "ema_decay": 0.9,
    "batch_size": 8,
    "patch_size": 24,
    "validation_interval": 50,
    "precision": "32-true",
    "network.blocks": 2,
    "network.channels": 16,
    "options.views": 40,
}
weights = train(
    "enhance-continuum", work / "data", work / "run", changes=changes, progress=False
)
print(weights.name, f"{weights.stat().st_size / 1024:.0f} kB")

###############################################################################
# The folder of the training has checkpoints, from which it can be resumed, and logs for
# TensorBoard and as a table. The score is the error on the part of the image that was
# kept back, relative to the variance of the truth. It begins low, because the network
# contains a linear deconvolution filter and learns what this filter leaves.

(log,) = (work / "run").glob("logs/*/metrics.csv")
table = Table.read(log, format="ascii.csv")
score = table[~np.ma.getmaskarray(table["score"])]
figure, axes = plt.subplots(figsize=(7, 3.8), layout="constrained")
axes.plot(score["step"] + 1, score["score"], "o-")
axes.set_xlabel("Step")
axes.set_ylabel("Mean squared error / variance")

###############################################################################
# `~sunpy_restore.training.evaluate` scores the new weights and the classical methods on
# the part that was kept back. The weights of the package are listed for comparison
# only: their training data contain this image.

rows = evaluate("enhance-continuum", work / "data", weights=weights)
package = evaluate("enhance-continuum", work / "data", methods=["network"])
print(f"{'method':<24} {'error / variance':>16} {'contrast':>9}")
for row in [*rows, package[0] | {"method": "network of the package"}]:
    print(f"{row['method']:<24} {row['nmse']:16.3f} {row['contrast']:9.3f}")

###############################################################################
# The weights are passed to the function like those of the package. The figure shows the
# edge of the spot. Both networks give nearly the same image, so the last panel shows
# their difference.

spot = sunpy.map.Map(sample_path("hmi_continuum_spot"))
quiet = np.median(spot.data)
images = {
    "HMI": spot,
    "trained here": enhance(spot, weights=weights),
    "weights of the package": enhance(spot),
}
difference = images["trained here"].data - images["weights of the package"].data
images["difference"] = sunpy.map.Map(difference, images["trained here"].meta)

figure = plt.figure(figsize=(15, 4.2), layout="constrained")
panels = []
for index, (title, smap) in enumerate(images.items(), start=1):
    corner = SkyCoord(-2 * u.arcsec, -10 * u.arcsec, frame=smap.coordinate_frame)
    part = smap.submap(corner, width=20 * u.arcsec, height=20 * u.arcsec)
    axes = figure.add_subplot(1, 4, index, projection=part)
    style = {"cmap": "gray", "vmin": 0.2, "vmax": 1.15}
    if title == "difference":
        style = {"cmap": "RdBu_r", "vmin": -0.03, "vmax": 0.03}
    panels.append(axes.imshow(part.data / quiet, origin="lower", **style))
    axes.set_title(title)
    for coordinate, letter in zip(axes.coords, "XY", strict=True):
        coordinate.set_major_formatter("s")
        labelled = letter == "X" or index == 1
        coordinate.set_axislabel(f"Solar {letter} [arcsec]" if labelled else " ")
for panel, label in zip(panels[2:], ("Intensity", "Difference"), strict=True):
    figure.colorbar(panel, ax=panel.axes, label=f"{label} / quiet Sun", shrink=0.7)

shutil.rmtree(work)
plt.show()
