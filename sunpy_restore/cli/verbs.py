"""Commands that restore files, one for each function. What a command needs is imported when it runs."""

import argparse
import sys
from pathlib import Path

from sunpy_restore.cli.files import is_single, target_of
from sunpy_restore.core.task import MapFunction, resolve

__all__ = ["add_function", "add_option", "given_options", "restore_files"]


def add_function(parser, function):
    """
    Add the arguments of a function, except those that all commands have.

    Parameters
    ----------
    parser : `argparse.ArgumentParser`
        Parser of the command.
    function : `~sunpy_restore.core.task.MapFunction`
        The function.
    """
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="IN",
        help="file that sunpy.map.Map opens, or a folder, a pattern or a URL of fsspec",
    )
    # Functions for archives call it the sink
    parser.options["sink"] = parser.add_argument(
        "-o", "--output", metavar="OUT", required=True,
        help="FITS file; for several files a folder, or a Zarr store (.zarr)",
    )  # fmt: skip
    parser.add_argument(
        "--method", choices=function.methods, default="network", help="restoration method (default: %(default)s)"
    )
    for option in function.options:
        add_option(parser, option)
    if any(task.evidence is not None for task in function.tasks):
        parser.add_argument(
            "--uncertainty", action="store_true", help="add the 1-sigma uncertainty of each restored pixel"
        )
        parser.add_argument(
            "--coverage", type=_share, metavar="SHARE",
            help="add the uncertainty with which this share of the truth, 0.68 or 0.95, lies within 1 or 1.96 sigma",
        )  # fmt: skip
    existing = parser.add_mutually_exclusive_group()
    grouped = [
        existing.add_argument("--overwrite", action="store_true", help="replace outputs that exist"),
        existing.add_argument("--skip-existing", action="store_true", help="leave out inputs whose output exists"),
    ]
    where = parser.add_mutually_exclusive_group()
    grouped += [
        where.add_argument("--workers", type=int, metavar="N", help="restore several files at once, in N processes"),
        where.add_argument("--scheduler", metavar="TCP", help="use the workers of a Dask scheduler, tcp://HOST:PORT"),
    ]
    parser.options.update({action.dest: action for action in grouped})
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")


def _share(text):
    """A share of the truth for which the uncertainty is calibrated."""
    from sunpy_restore.core.uncertainty.conformal import SHARES
    from sunpy_restore.core.uncertainty.share import check_uncertainty, share_of

    try:
        share = float(text)
        check_uncertainty(share)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected {' or '.join(map(str, SHARES))}") from error
    return share_of(share)


def add_option(parser, option):
    """
    Add an option that only some commands have.

    Parameters
    ----------
    parser : `argparse.ArgumentParser`
        Parser of the command.
    option : `~sunpy_restore.core.task.Option`
        The option.
    """
    # Python names have underscores, options hyphens: both are understood
    names = dict.fromkeys((f"--{option.name}", f"--{option.name.replace('_', '-')}"))
    if option.flag:
        parser.add_argument(*names, action="store_true", default=None, help=option.help)
    else:
        parser.add_argument(
            *names, metavar=option.metavar, choices=option.choices, nargs=option.nargs, help=option.help
        )


def restore_files(args, function: MapFunction, complain):
    """
    Restore one file, or many files as an archive, see `sunpy_restore.restore_archive`.

    Parameters
    ----------
    args : `argparse.Namespace`
        The arguments.
    function : `~sunpy_restore.core.task.MapFunction`
        The function.
    complain : callable
        ``complain(message)`` reports an error.

    Returns
    -------
    `int`
        Exit code: 1 if any file failed.
    """
    options = {name: getattr(args, name) for name in ("method", "weights", "device")}
    if getattr(args, "uncertainty", False):
        options["uncertainty"] = True
    if getattr(args, "coverage", None) is not None:
        options["uncertainty"] = args.coverage
    options |= given_options(function.options, args)
    shown = sys.stderr.isatty() and not args.no_progress
    if is_single(args.inputs, args.output):
        if args.workers is not None or args.scheduler is not None:
            raise ValueError(
                "Found --workers or --scheduler with one file; expected them with several files or a folder. Leave "
                "them out, or give more files and a folder for the results."
            )
        return _restore_file(args, function, options | {"progress": shown}, complain)
    return _restore_archive(args, function, options, shown, complain)


def _restore_file(args, function, options, complain):
    """Restore one file."""
    from sunpy_restore.archive.work import restored_from, text_of
    from sunpy_restore.core.fits.io import save

    (source,) = args.inputs
    target = target_of(Path(source), args.output, function.name, overwrite=args.overwrite or args.skip_existing)
    if target.exists() and args.skip_existing:
        return 0
    try:
        restored = restored_from(source, function, options)
        target.parent.mkdir(parents=True, exist_ok=True)
        save(restored, target, overwrite=True)
    # Damaged files fail in many ways
    except Exception as error:
        if args.debug:
            raise
        text = text_of(error)
        return complain(text if text.startswith(f"{source}: ") else f"{source}: {text}")
    print(target)
    return 0


def _restore_archive(args, function, options, shown, complain):
    """Restore many files; what fails does not stop the others."""
    from tqdm import tqdm

    from sunpy_restore.archive.run import opened_archive

    existing = {"overwrite": args.overwrite, "skip_existing": args.skip_existing}
    with opened_archive(function, args.inputs, args.output, **existing, **options) as archive:
        for source, error in archive.missing.items():
            complain(f"{source}: {error}")
        outcomes = archive.run(workers=args.workers, scheduler=args.scheduler)
        counted = {"total": archive.total, "initial": archive.done}
        for frame, error, trace, texts in tqdm(outcomes, **counted, desc=function.name, unit="file", disable=not shown):
            for text in texts:
                complain(f"{frame.source}: {text}", kind="warning")
            if error is None:
                tqdm.write(archive.where(frame, args.output))
                continue
            complain(error if error.startswith(f"{frame.source}: ") else f"{frame.source}: {error}")
            if args.debug:
                tqdm.write(trace or "", file=sys.stderr)
        total = archive.total + archive.left_out + len(archive.missing)
        earlier = ((archive.done, "restored before"), (archive.left_out, "left out, because their outputs exist"))
        for number, what in earlier:
            if number:
                complain(f"{number} of {total} files were {what}", kind="note")
        failed = archive.failed()
        if failed:
            complain(f"{len(failed)} of {total} files were not restored: {', '.join(failed)}")
    return 1 if failed else 0


def given_options(options, args):
    """
    Keywords of the options that are among the arguments.

    Parameters
    ----------
    options : iterable of `~sunpy_restore.core.task.Option`
        Options of the command.
    args : `argparse.Namespace`
        The arguments.

    Returns
    -------
    `dict`
        Name to value.

    Raises
    ------
    TypeError, ValueError
        A value cannot be read.
    """
    values = ((option, getattr(args, option.name)) for option in options)
    return {
        option.name: value if option.flag else _read(option, value) for option, value in values if value is not None
    }


def _read(option, value):
    try:
        return resolve(option.read)(value)
    except (TypeError, ValueError) as error:
        text = value if isinstance(value, str) else " ".join(value)
        raise ValueError(f"--{option.name.replace('_', '-')} {text}: {error}") from error
