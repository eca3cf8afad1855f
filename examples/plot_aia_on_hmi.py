"""
===========================================
AIA contours on an enhanced HMI magnetogram
===========================================

An enhanced Map has a WCS like any other Map, so that images of other instruments can be
drawn on it or reprojected to it. This example enhances the magnetogram of an active
region and adds contours of the coronal emission.
"""

import matplotlib.pyplot as plt
import numpy as np

import astropy.units as u
from astropy.coordinates import SkyCoord

import sunpy.data.test
import sunpy.map
from sunpy.coordinates import propagate_with_solar_surface

from sunpy_restore import enhance
from sunpy_restore.data import sample_path

###############################################################################
# The magnetogram shows NOAA 11158 on 2011-02-14. Enhancing halves the pixel size and
# leaves the coordinates of the field of view as they are.

observed = sunpy.map.Map(sample_path("hmi_magnetogram"))
enhanced = enhance(observed)
for smap in (observed, enhanced):
    corner = smap.pixel_to_world(-0.5 * u.pix, -0.5 * u.pix)
    print(f"{smap.data.shape}, {smap.scale.axis1:.4f}, corner at", end=" ")
    print(f"({corner.Tx:.3f}, {corner.Ty:.3f})")

###############################################################################
# The AIA image is one that sunpy brings along. It was taken three and a half hours
# later and covers the whole disk with pixels of 19 arcsec, so its contours are coarse.
# For your own work, take a full-resolution image of the same time::
#
#     from sunpy.net import Fido, attrs as a
#
#     time = a.Time("2011-02-14T20:34:00", "2011-02-14T20:34:24")
#     found = Fido.search(time, a.Instrument.aia, a.Wavelength(171 * u.angstrom))
#     aia = sunpy.map.Map(Fido.fetch(found[0, 0]))

aia = sunpy.map.Map(sunpy.data.test.get_test_filepath("aia_171_level1.fits"))
print(f"HMI {observed.date.isot}, AIA {aia.date.isot}")

###############################################################################
# In this time the region has rotated by about 2 degrees, or 30 arcsec.
# `~sunpy.coordinates.propagate_with_solar_surface` accounts for it when the AIA image
# is reprojected to the pixels of the enhanced magnetogram. Coronal emission comes from
# above the photosphere; near the centre of the disk this matters little.

with propagate_with_solar_surface():
    on_hmi = aia.reproject_to(enhanced.wcs, order="bicubic")
print(f"{(aia.date - enhanced.date).to_value('h'):.1f} h, {on_hmi.data.shape}")

###############################################################################
# The left panel shows a part of the AIA image, with the field of view of HMI moved to
# the time of AIA. The right panel shows the enhanced magnetogram with the contours of
# AIA at 50, 70 and 90 % of the maximum. HMI images are rotated by 180 degrees: the axes
# are reversed to show solar north up.

centre = SkyCoord(220 * u.arcsec, -220 * u.arcsec, frame=aia.coordinate_frame)
half = 320 * u.arcsec
context = aia.submap(
    SkyCoord(centre.Tx - half, centre.Ty - half, frame=aia.coordinate_frame),
    width=2 * half,
    height=2 * half,
)

figure = plt.figure(figsize=(12, 5), layout="constrained")
left = figure.add_subplot(1, 2, 1, projection=context)
emission = context.plot(axes=left, title=f"AIA 171 Å, {aia.date.iso[:16]}")
figure.colorbar(emission, ax=left, label="Intensity [DN]", shrink=0.9)
with propagate_with_solar_surface():
    enhanced.draw_extent(axes=left, color="tab:blue")

right = figure.add_subplot(1, 2, 2, projection=enhanced)
field = right.imshow(enhanced.data, cmap="gray", vmin=-1500, vmax=1500, origin="lower")
levels = np.array([0.5, 0.7, 0.9]) * on_hmi.data.max()
right.contour(on_hmi.data, levels, cmap="autumn", linewidths=1.2)
right.invert_xaxis()
right.invert_yaxis()
right.set_title(f"HMI, {enhanced.date.iso[:16]}, enhanced")
figure.colorbar(field, ax=right, label="Line-of-sight field [G]", shrink=0.9)
for axes in (left, right):
    axes.coords.grid(draw_grid=False)
    for coordinate, label in zip(axes.coords, ("Solar X", "Solar Y"), strict=True):
        coordinate.set_major_formatter("s")
        coordinate.set_ticks(number=5)
        coordinate.set_axislabel(f"{label} [arcsec]")

###############################################################################
# On the pixels of the magnetogram, the emission selects where the field is measured.

inside = on_hmi.data > levels[1]
for place, name in ((inside, "inside"), (~inside, "outside")):
    field = np.abs(enhanced.data[place]).mean()
    print(f"mean unsigned field {name} of the 70 % contours: {field:.0f} G")

plt.show()
