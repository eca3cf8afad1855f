"""The command that generates textures. What it needs is imported when it runs."""

import sys
from pathlib import Path

from sunpy_restore.cli.verbs import add_option, given_options
from sunpy_restore.core.task import Option
from sunpy_restore.granulation.task import METHODS, STITCHINGS

__all__ = ["add_synthesis", "synthesize"]

_TILES = (
    ("pool_size", int, "N", "tiles to select from (default: ten per position)"),
    ("population", int, "N", "latent vectors in a generation of the evolutionary search (default: 50)"),
    ("generations", int, "N", "generations of the evolutionary search (default: 20)"),
    ("mutation_rate", float, "RATE", "fraction of the components of a child that are mutated (default: 0.1)"),
    ("goal", float, "DISTANCE", "distance to the neighbours at which the search stops (default: 0)"),
)
"""Numbers that only generators of tiles use: name, type, metavar and help text."""

_SCALE = Option(
    name="scale",
    metavar="KM",
    help="side of a pixel on the Sun: a number is in km, '0.1 arcsec' and '0.1 Mm' have their unit (default: that of "
    "the generator)",
    read="sunpy_restore.core.fits.inputs:read_quantity",
)


def add_synthesis(parser):
    """
    Add the arguments of ``sunpy-restore synthesize``, except those that all commands have.

    Parameters
    ----------
    parser : `argparse.ArgumentParser`
        Parser of the command.
    """
    methods = tuple(METHODS)
    parser.add_argument("--shape", nargs=2, type=int, metavar=("NY", "NX"), required=True, help="pixels")
    parser.add_argument(
        "-o", "--output", dest="out", metavar="OUT", required=True, help="file .fits, .zarr, .tif or .png"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same image (default: random)")
    parser.add_argument("--method", choices=methods, default=methods[0], help="generator (default: %(default)s)")
    parser.add_argument(
        "--stitching", choices=STITCHINGS, help=f"how tiles of gan and vae are combined (default: {STITCHINGS[0]})"
    )
    add_option(parser, _SCALE)
    parser.add_argument(
        "--refine-worst", type=int, default=0, metavar="N", help="replace the N worst tiles by better matching ones"
    )
    parser.add_argument(
        "--replace", nargs=2, type=int, action="append", metavar=("ROW", "COLUMN"),
        help="replace the tile at this place; may be repeated",
    )  # fmt: skip
    parser.add_argument("--overlap", type=int, metavar="PIXELS", help="overlap of tiles (default: 32)")
    parser.add_argument("--pool", metavar="FILE", help="file .npz of tiles to select from; made if it does not exist")
    for name, kind, metavar, text in _TILES:
        parser.add_argument(
            *dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}")), type=kind, metavar=metavar, help=text
        )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")


def synthesize(args):
    """
    Generate a texture and write it in bands.

    Parameters
    ----------
    args : `argparse.Namespace`
        The arguments.

    Returns
    -------
    `pathlib.Path`
        The file.
    """
    import astropy.units as u

    from sunpy_restore import synthesize_granulation

    target, scale = Path(args.out), given_options((_SCALE,), args).get("scale")
    if target.is_file() and not args.overwrite:
        raise FileExistsError(f"{target} exists. Give another name, or --overwrite.")
    # The old file stays until the new one is complete
    replaced = args.overwrite and target.is_file()
    out = target.with_name(f".new.{target.name}") if replaced else target
    if replaced:
        # Of a run that was killed
        out.unlink(missing_ok=True)
    try:
        synthesize_granulation(
            tuple(args.shape),
            method=args.method,
            stitching=args.stitching,
            seed=args.seed,
            scale=scale * u.km if isinstance(scale, float) else scale,
            weights=args.weights,
            device=args.device,
            refine_worst=args.refine_worst,
            replace=args.replace,
            overlap=args.overlap,
            pool=args.pool,
            **{name: getattr(args, name) for name, *_ in _TILES},
            out=out,
            progress=sys.stderr.isatty() and not args.no_progress,
        )
        if replaced:
            out.replace(target)
    finally:
        if replaced:
            out.unlink(missing_ok=True)
    return target
