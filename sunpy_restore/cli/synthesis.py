"""The command that makes images, and restores none. What it needs is imported when it runs."""

import sys
from pathlib import Path

from sunpy_restore.granulation.task import METHODS, STITCHINGS

__all__ = ["add_synthesis", "synthesize"]


def add_synthesis(parser):
    """Add the arguments of ``sunpy-restore synthesize``, but those that commands have in common."""
    parser.add_argument("--shape", nargs=2, type=int, metavar=("NY", "NX"), required=True, help="pixels")
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="file .fits or .zarr")
    parser.add_argument("--seed", type=int, metavar="N", help="the same seed makes the same image (default: drawn)")
    parser.add_argument("--method", choices=METHODS, default=METHODS[0], help="generator (default: %(default)s)")
    parser.add_argument("--stitching", choices=STITCHINGS, help="of tiles, with gan and vae (default: seam)")
    parser.add_argument("--scale", type=float, metavar="KM", help="side of a pixel on the Sun (default: as learned)")
    parser.add_argument("--refine-worst", type=int, default=0, metavar="N", help="tiles to look for better ones of")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")


def synthesize(args):
    """Make an image and write it band by band; the file."""
    import astropy.units as u

    from sunpy_restore import synthesize_granulation

    target = Path(args.output)
    # A band at a time goes to a new file, which then takes the place of the old one
    replaced = args.overwrite and target.is_file()
    out = target.with_name(f".new.{target.name}") if replaced else target
    try:
        synthesize_granulation(
            tuple(args.shape),
            method=args.method,
            stitching=args.stitching,
            seed=args.seed,
            scale=None if args.scale is None else args.scale * u.km,
            weights=args.weights,
            device=args.device,
            refine_worst=args.refine_worst,
            out=out,
            progress=sys.stderr.isatty() and not args.no_progress,
        )
        if replaced:
            out.replace(target)
    finally:
        if replaced:
            out.unlink(missing_ok=True)
    return target
