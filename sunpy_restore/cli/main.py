"""The command line: ``sunpy-restore``. What a command needs is imported when it runs."""

import argparse
import json
import os
import sys
import warnings
from pathlib import Path

from sunpy_restore.cli.synthesis import add_synthesis, synthesize
from sunpy_restore.cli.verbs import VERBS
from sunpy_restore.version import __version__

__all__ = ["main"]

_PROGRAM = "sunpy-restore"
_EXTRA = {"lightning", "pytorch_lightning", "tensorboard", "tensorboardX", "torchmetrics"}


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, too."""

    def error(self, message):
        self.exit(2, f"{_PROGRAM}: error: {message} ('{self.prog} --help' says more)\n")


class _FileError(Exception):
    """What went wrong, and with which file."""


def main(argv=None):
    """
    Run a command.

    Parameters
    ----------
    argv : `list` of `str`, optional
        The arguments; by default those of the process.

    Returns
    -------
    `int`
        Exit code: 0, or 1 after an error.
    """
    args = _parser().parse_args(argv)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            return _run(args)
        except BrokenPipeError:
            # Whoever read the output has seen enough; nothing is left to flush at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except KeyboardInterrupt:
            return _complain("interrupted", code=130)


def _run(args):
    """Run the command; what the user can mend is told in one line."""
    try:
        return args.run(args) or 0
    except BrokenPipeError:
        raise
    except ModuleNotFoundError as error:
        # Lightning names no module where a logger's is missing
        if error.name is not None and error.name.partition(".")[0] not in _EXTRA:
            raise
        if args.debug:
            raise
        return _complain(f'{args.command} needs more packages ({error}). Run: pip install "sunpy_restore[train]"')
    except (_FileError, OSError, RuntimeError, TypeError, ValueError) as error:
        if args.debug:
            raise
        return _complain(error)


def _complain(message, *, kind="error", code=1):
    print(f"{_PROGRAM}: {kind}: {' '.join(str(message).split())}", file=sys.stderr)
    return code


def _show_warning(message, category, filename, lineno, file=None, line=None):
    _complain(message, kind="warning")


def _parser():
    parser = _Parser(prog=_PROGRAM, description="Restore solar images.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"{_PROGRAM} {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name, run, what):
        added = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.", allow_abbrev=False)
        added.set_defaults(run=run)
        return added

    demo = command("demo", _demo, "restore the samples of the package, make granulation; leaves FITS files and figures")
    demo.add_argument(
        "-o", "--output", metavar="DIR", default="sunpy-restore-demo", help="folder (default: %(default)s)"
    )
    _add_device(demo)
    for verb in VERBS:
        _add_verb(command(verb.name, _restore, verb.help), verb)
    synthesis = command("synthesize", _synthesize, "make photospheric texture of any size")
    add_synthesis(synthesis)
    _add_weights(synthesis)
    _add_device(synthesis)
    _add_training(command("train", _train, "train a network"))
    evaluate = command("evaluate", _evaluate, "score a network beside the classical methods on data kept back")
    _add_data(evaluate)
    evaluate.add_argument("--method", action="append", metavar="NAME", help="only this method; may be repeated")
    evaluate.add_argument("--json", metavar="FILE", help="write the scores to a file, too")
    evaluate.add_argument(
        "--weights", nargs="+", metavar="W", help="names in the registry or .safetensors files; each has a row"
    )
    _add_device(evaluate)
    weights = command("weights", None, "list, fetch or check weights of networks")
    actions = weights.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="weights in the registry").set_defaults(run=_list_weights)
    fetch = actions.add_parser("fetch", help="download weights into the cache")
    fetch.add_argument("names", nargs="+", metavar="NAME", help="name in the registry")
    fetch.set_defaults(run=_fetch_weights)
    verify = actions.add_parser("verify", help="check files on this machine: size, SHA-256, a network's metadata")
    verify.add_argument("names", nargs="*", metavar="NAME", help="name in the registry (default: all that are here)")
    verify.set_defaults(run=_verify_weights)
    return parser


def _add_verb(parser, verb):
    parser.add_argument("inputs", nargs="+", metavar="IN", help="file that sunpy.map.Map opens")
    parser.add_argument(
        "-o", "--output", metavar="OUT", required=True, help="FITS file, or a folder (of several inputs)"
    )
    parser.add_argument(
        "--method", metavar="NAME", default="network", help="network, or the name of a classical method"
    )
    for option in verb.options:
        parser.add_argument(f"--{option.name}", metavar=option.metavar, choices=option.choices, help=option.help)
    parser.set_defaults(verb=verb)
    _add_weights(parser)
    _add_device(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")


def _add_training(parser):
    _add_data(parser)
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for checkpoints, logs and weights")
    parser.add_argument("--config", metavar="NAME", default="compact", help="configuration (default: %(default)s)")
    parser.add_argument("--start", metavar="FILE", help="weights to begin with")
    parser.add_argument("--resume", action="store_true", help="continue from the last checkpoint in the folder")
    parser.add_argument("--steps", type=int, metavar="N", help="train for another number of steps")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes that prepare batches")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")


def _add_data(parser):
    parser.add_argument("task", metavar="TASK", help="such as enhance-continuum")
    parser.add_argument("--data", metavar="DIR", required=True, help="folder with the training data")


def _add_weights(parser):
    parser.add_argument("--weights", metavar="W", help="name in the registry, or a .safetensors file")


def _add_device(parser):
    parser.add_argument("--device", metavar="NAME", help="PyTorch device (default: CUDA, then MPS, then the CPU)")


def _demo(args):
    from sunpy_restore.cli.demo import demo

    for line in demo(args.output, device=args.device):
        print(line, flush=True)


def _restore(args):
    from tqdm import tqdm

    import sunpy_restore
    from sunpy_restore.cli.files import read_map, targets_of, write_map

    verb = getattr(sunpy_restore, args.command)
    targets = targets_of(map(Path, args.inputs), args.output, args.command, overwrite=args.overwrite)
    options = {"method": args.method, "weights": args.weights, "device": args.device} | args.verb.given(args)
    shown = sys.stderr.isatty() and not args.no_progress
    alone = len(targets) == 1
    for source, target in tqdm(targets.items(), desc=args.command, unit="file", disable=alone or not shown):
        try:
            restored = verb(read_map(source), **options, progress=alone and shown)
            write_map(restored, target)
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            if args.debug:
                raise
            raise _FileError(f"{source}: {error}") from error
        tqdm.write(str(target))


def _synthesize(args):
    print(synthesize(args))


def _train(args):
    from sunpy_restore.tasks import get_task
    from sunpy_restore.training import train

    get_task(args.task)
    options = {name: getattr(args, name) for name in ("config", "resume", "start", "steps", "workers")}
    print(train(args.task, args.data, args.out, progress=not args.no_progress, **options))


def _evaluate(args):
    from sunpy_restore.training import evaluate, format_table

    rows = evaluate(args.task, args.data, methods=args.method, weights=args.weights, device=args.device)
    print(format_table(rows))
    if args.json:
        Path(args.json).write_text(json.dumps({"task": args.task, "rows": rows}, indent=2) + "\n", encoding="utf-8")


def _list_weights(args):
    from sunpy_restore.core.weights import available, locate

    for entry in available():
        here = "in the package" if entry.kind == "compact" else "in the cache" if locate(entry) else "not here"
        default = ", default" if entry.default else ""
        task = entry.task or "for trainings"
        print(f"{entry.name}  {task}  {entry.kind}{default}  {entry.size / 1e6:.1f} MB  {here}")
        print(f"    {entry.description} {entry.licence}, doi:{entry.doi}")


def _entries(names):
    from sunpy_restore.core.weights import available, entry_named

    return [entry_named(name) for name in names] or available()


def _fetch_weights(args):
    from sunpy_restore.core.weights import fetch

    for entry in _entries(args.names):
        print(fetch(entry, progress=sys.stderr.isatty()).path)


def _verify_weights(args):
    from sunpy_restore.core.exceptions import WeightsError
    from sunpy_restore.core.weights import locate, verify

    code = 0
    for entry in _entries(args.names):
        if not args.names and entry.kind != "compact" and locate(entry) is None:
            continue
        try:
            print(f"{verify(entry).path}: right")
        except (ValueError, WeightsError) as error:
            code = _complain(error)
    return code
