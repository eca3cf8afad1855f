"""Commands that restore files, one for each function. What a command needs is imported when it runs."""

import sys
from pathlib import Path

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
    parser.add_argument("inputs", nargs="+", metavar="IN", help="file that sunpy.map.Map opens")
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="FITS file, or a folder for several files")
    parser.add_argument(
        "--method", choices=function.methods, default="network", help="restoration method (default: %(default)s)"
    )
    for option in function.options:
        add_option(parser, option)
    if any(task.evidence is not None for task in function.tasks):
        parser.add_argument(
            "--uncertainty", action="store_true", help="add the 1-sigma uncertainty of each restored pixel"
        )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace files that exist")
    existing.add_argument("--skip-existing", action="store_true", help="leave out inputs whose output exists")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")


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
    Restore files one by one; a file that fails does not stop the others.

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
    from tqdm import tqdm

    from sunpy_restore.cli.files import targets_of
    from sunpy_restore.core.messages import prefixed

    given = list(map(Path, args.inputs))
    targets = targets_of(given, args.output, function.name, overwrite=args.overwrite, skip_existing=args.skip_existing)
    options = {name: getattr(args, name) for name in ("method", "weights", "device")}
    if getattr(args, "uncertainty", False):
        options["uncertainty"] = True
    options |= given_options(function.options, args)
    shown = sys.stderr.isatty() and not args.no_progress
    alone, failed = len(given) == 1, {}
    for source, target in tqdm(targets.items(), desc=function.name, unit="file", disable=alone or not shown):
        try:
            with prefixed("" if alone else f"{source}: "):
                _restore_file(function, source, target, options | {"progress": alone and shown})
        # Whatever is wrong with one file, the others are restored
        except Exception as error:
            if args.debug:
                raise
            failed[source] = error
            expected = isinstance(error, MemoryError | OSError | RuntimeError | TypeError | ValueError)
            text = str(error) if expected else f"{type(error).__name__}: {error} (--debug shows where)"
            complain(text if text.startswith(f"{source}: ") else f"{source}: {text}")
        else:
            tqdm.write(str(target))
    if failed and not alone:
        complain(f"{len(failed)} of {len(targets)} files were not restored: {', '.join(map(str, failed))}")
    return 1 if failed else 0


def _restore_file(function, source, target, options):
    from sunpy_restore.core.inputs import read_map
    from sunpy_restore.core.io import save

    restored = function(read_map(source), **options)
    target.parent.mkdir(parents=True, exist_ok=True)
    save(restored, target, overwrite=True)


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
