"""
===================================
Many files and a local Dask cluster
===================================

`sunpy_restore.restore_archive` restores folders of files, one by one, on one machine or
on a Dask cluster. It keeps a ledger, so that a run that was interrupted continues where
it ended. This example enhances twelve cutouts of a magnetogram, and adds four later.
"""

import shutil
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from distributed import Client, LocalCluster

import astropy.units as u

import sunpy.map

from sunpy_restore import load, restore_archive
from sunpy_restore.data import sample_path

###############################################################################
# A folder with cutouts of the sample stands for an archive. One file is of another
# instrument.

work = Path(tempfile.mkdtemp())
archive, enhanced = work / "archive", work / "enhanced"
archive.mkdir()
whole = sunpy.map.Map(sample_path("hmi_magnetogram"))


def save_cutout(row, column):
    """Write a cutout of 48 x 48 pixels."""
    corner = u.Quantity([4 + 48 * column, 4 + 48 * row], u.pix)
    cutout = whole.submap(corner, top_right=corner + 47 * u.pix)
    cutout.save(archive / f"cutout_{row}{column}.fits")


for row in range(3):
    for column in range(4):
        save_cutout(row, column)
shutil.copy(sample_path("aia_171_quiet"), archive / "other.fits")

###############################################################################
# Without further arguments, the files are restored in this process. A file that fails
# does not stop the others. All keywords of the function can be given.

found = restore_archive("enhance", archive, enhanced, method="network")
print(found)

###############################################################################
# A second call with the same arguments does only what is left: new files, and those
# that failed. If there is an active Dask client, its workers do the work. Here they are
# two threads of this process. In a script of your own, ``LocalCluster()`` starts
# processes, and a client with the address of a scheduler reaches the workers of a
# cluster::
#
#     if __name__ == "__main__":
#         with LocalCluster(n_workers=8, threads_per_worker=1) as cluster:
#             with Client(cluster):
#                 restore_archive("enhance", "archive", "enhanced")
#
# ``restore_archive(..., workers=8)`` does the same in one line, and on the command line
# it is ``sunpy-restore enhance archive -o enhanced --workers 8``.

(archive / "other.fits").unlink()
for column in range(4):
    save_cutout(3, column)

cluster = LocalCluster(
    n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
)
with cluster, Client(cluster):
    found = restore_archive("enhance", archive, enhanced, method="network")
print(found)

###############################################################################
# The ledger is a table of all images.

table = found.table()
for row in table[[0, 1, -2, -1]]:
    print(row["position"], Path(row["source"]).name, row["state"], row["message"])

###############################################################################
# The results are FITS files with the names of their sources. The figure shows them in
# their places on the Sun, on one scale. HMI images are rotated by 180 degrees: the axes
# are reversed to show solar north up.

results = [load(path) for path in sorted(enhanced.glob("*.fits"))]
stretch = {"cmap": "gray", "vmin": -1500, "vmax": 1500}
figure = plt.figure(figsize=(11, 5), layout="constrained")
panels = []
for index, title in enumerate(("observed", "16 enhanced cutouts"), start=1):
    axes = figure.add_subplot(1, 2, index, projection=whole)
    panels.append(axes)
    if index == 1:
        image = axes.imshow(whole.data, origin="lower", **stretch)
    for smap in results:
        if index == 2:
            smap.plot(axes=axes, autoalign=True, title=False, norm=None, **stretch)
        smap.draw_extent(axes=axes, color="tab:blue", linewidth=0.5)
    axes.set_xlim(199.5, -0.5)
    axes.set_ylim(199.5, -0.5)
    axes.set_title(title)
    axes.coords.grid(draw_grid=False)
    for coordinate, letter in zip(axes.coords, "XY", strict=True):
        coordinate.set_major_formatter("s")
        labelled = letter == "X" or index == 1
        coordinate.set_axislabel(f"Solar {letter} [arcsec]" if labelled else " ")
figure.colorbar(image, ax=panels, label="Line-of-sight field [G]", shrink=0.8)

shutil.rmtree(work)
plt.show()
