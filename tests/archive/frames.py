"""Tiny images, functions that double them and write down that they did, and a look at the results."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from astropy.io import fits

HEADER = {"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CUNIT1": "arcsec", "CUNIT2": "arcsec"}
HEADER |= {"CDELT1": 1.0, "CDELT2": 1.0, "DATE-OBS": "2011-02-14T20:00:00"}
SIDE = 3


def make_frames(folder, number):
    folder.mkdir()
    for index in range(number):
        header = fits.Header(HEADER | {"FRAME": index})
        fits.writeto(folder / f"{index:05d}.fits", np.full((SIDE, SIDE), index, "f4"), header)


def doubled(smap):
    """Doubles an image, and adds its number to a log."""
    log = os.environ.get("FRAMES_LOG")
    if log:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, b"%06d\n" % smap.meta["frame"])
        os.close(descriptor)
    return smap._new_instance(2 * smap.data, smap.meta)


def slowly(smap):
    """Doubles an image after a moment."""
    time.sleep(0.1)
    return doubled(smap)


def once_fatal(smap):
    """Ends its process when it first sees the frame 3."""
    flag = Path(os.environ["FRAMES_LOG"] + ".died")
    if smap.meta["frame"] == 3 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return doubled(smap)


def always_fatal(smap):
    """Ends its process whenever it sees the frame 1."""
    if smap.meta["frame"] == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return doubled(smap)


def logged(log):
    """Numbers of frames in a log, in the order in which they were doubled."""
    return [int(line) for line in Path(log).read_text().split()]


def check_folder(folder, number, suffix="doubled"):
    """All results and nothing else are there, and they are right."""
    names = sorted(path.name for path in folder.iterdir())
    assert names == [*(f"{index:05d}_{suffix}.fits" for index in range(number)), "ledger.sqlite"]
    for index in range(number):
        assert (fits.getdata(folder / names[index]) == 2 * index).all()
