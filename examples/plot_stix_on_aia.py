"""
=================================
A STIX source in the frame of AIA
=================================

Solar Orbiter sees the Sun from another direction and distance than the Solar Dynamics
Observatory (SDO). This example removes the dirty beam from a STIX image and shows where
the source lies in an AIA image of the same time.
"""

import matplotlib.pyplot as plt
import numpy as np

import astropy.units as u
from astropy import constants as const
from astropy.coordinates import SkyCoord

import sunpy.map
from sunpy.coordinates import Helioprojective, get_earth

from sunpy_restore import backproj_to_clean
from sunpy_restore.backprojection.visibilities.measured import open_visibilities
from sunpy_restore.data import sample_path

###############################################################################
# The sample is the flare of 2020-06-07 at 6-10 keV. Solar Orbiter was at 0.53 au, and
# 46 degrees west of the Earth.

dirty = sunpy.map.Map(sample_path("stix_flare"))
visibilities = open_visibilities(sample_path("stix_flare"))
source = backproj_to_clean(dirty, visibilities=visibilities)
observer = source.observer_coordinate
print(f"{observer.radius.to(u.au):.2f}, {observer.lon:.1f} from the Earth")

###############################################################################
# The package contains no AIA image of this flare. The frame of one is all that is
# needed here, so this example makes an empty Map with the pixels of AIA and an observer
# at the Earth. To see the corona under the contours, use an AIA image instead::
#
#     from sunpy.net import Fido, attrs as a
#
#     time = a.Time("2020-06-07T21:40:40", "2020-06-07T21:40:52")
#     found = Fido.search(time, a.Instrument.aia, a.Wavelength(131 * u.angstrom))
#     aia = sunpy.map.Map(Fido.fetch(found[0, 0]))
#
# Light takes about 4 minutes longer to the Earth than to Solar Orbiter. The Map has the
# time at which the light of the flare arrived at the Earth.

delay = (get_earth(source.reference_date).radius - observer.radius) / const.c
earth = get_earth(source.reference_date + delay)
frame = Helioprojective(observer=earth, obstime=earth.obstime)


def empty(side, scale, centre):
    """Make an empty Map in the frame of AIA."""
    header = sunpy.map.make_fitswcs_header(
        (side, side),
        SkyCoord(*centre * u.arcsec, frame=frame),
        scale=[scale, scale] * u.arcsec / u.pix,
        telescope="SDO/AIA",
    )
    return sunpy.map.Map(np.zeros((side, side)), header)


disk, aia = empty(500, 4.8, (0, 0)), empty(400, 0.6, (-340, -380))
print(f"Light of {source.reference_date.isot} arrives {delay.to(u.min):.1f} later")

###############################################################################
# A position in the STIX image is a line of sight. Its distance has to be assumed before
# it can be transformed. By default sunpy takes the point at which the line of sight
# meets the photosphere. A solar radius that is larger by the height of the source gives
# the point at that height. From Solar Orbiter, the flare was close to the limb, where
# the height matters.

contours = source.find_contours(0.5 * source.data.max() * source.unit)


def at_height(coordinates, height):
    """Points at a height above the photosphere on the lines of sight of STIX."""
    rsun = source.rsun_meters + height
    above = Helioprojective(observer=observer, obstime=source.reference_date, rsun=rsun)
    return SkyCoord(coordinates.Tx, coordinates.Ty, frame=above)


row, column = np.unravel_index(np.argmax(source.data), source.data.shape)
peak = source.pixel_to_world(column * u.pix, row * u.pix)
for height in (0, 10, 20) * u.Mm:
    there = at_height(peak, height).transform_to(frame)
    print(f"height {height:2.0f}: ({there.Tx:.0f}, {there.Ty:.0f}) seen from the Earth")

###############################################################################
# The first panel shows STIX as seen from Solar Orbiter, with solar north up and the
# limb in blue. The second one shows the same contour, at half of the maximum, on the
# disk as seen from the Earth, and the third one on pixels of AIA for three heights. The
# grid has lines of heliographic latitude and longitude, 15 degrees apart on the disk
# and 5 degrees in the other panels.

upright = source.rotate(missing=0)
figure = plt.figure(figsize=(14, 4.6), layout="constrained")
titles = ("STIX", "disk from the Earth", "frame of AIA")
panels = []
for index, (smap, title) in enumerate(zip((upright, disk, aia), titles), start=1):
    axes = figure.add_subplot(1, 3, index, projection=smap)
    panels.append(axes)
    stretch = {"cmap": "inferno" if index == 1 else "gray_r", "vmin": 0}
    stretch["vmax"] = source.data.max() if index == 1 else 1
    image = axes.imshow(smap.data, origin="lower", **stretch)
    if index == 1:
        label = f"{source.unit:unicode}"
        figure.colorbar(image, ax=axes, label=label, orientation="horizontal")
    heights = (0, 10, 20) if index == 3 else (0,)
    colours = ("tab:red", "tab:orange", "tab:green")
    for height, colour in zip(heights, colours, strict=False):
        for number, contour in enumerate(contours):
            axes.plot_coord(
                at_height(contour, height * u.Mm),
                color="white" if index == 1 else colour,
                label=f"{height} Mm" if number == 0 else None,
            )
    smap.draw_limb(axes=axes, color="tab:blue")
    spacing = 15 * u.deg if index == 2 else 5 * u.deg
    smap.draw_grid(axes=axes, grid_spacing=spacing, color="gray", annotate=False)
    axes.set_title(title)
    axes.coords.grid(draw_grid=False)
    for coordinate, label in zip(axes.coords, ("Solar X", "Solar Y"), strict=True):
        coordinate.set_major_formatter("s")
        coordinate.set_ticks(number=4)
        coordinate.set_axislabel(f"{label} [arcsec]")
    if index == 3:
        axes.legend(title="height")
aia.draw_extent(axes=panels[1], color="black")

###############################################################################
# With an AIA image in place of the empty Map, the last panel is an overlay. The
# pointing of STIX has an error of its own, which is not included here.

plt.show()
