"""The command ``sunpy-restore``. What a subcommand needs is imported when it runs."""

import argparse
import importlib
import json
import os
import signal
import sys
import threading
import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sunpy_restore import tasks
from sunpy_restore.cli.synthesis import add_synthesis, synthesize
from sunpy_restore.cli.verbs import add_function, add_option, given_options, restore_files
from sunpy_restore.cli.wording import in_shell
from sunpy_restore.core.task import MapFunction
from sunpy_restore.version import __version__

__all__ = ["main"]

_PROGRAM = "sunpy-restore"
_EXTRA = {"lightning", "pytorch_lightning", "tensorboard", "tensorboardX", "torchmetrics"}
_EXTRA |= {"onnx", "onnxruntime", "onnxscript"}


class _Parser(argparse.ArgumentParser):
    """A parser that reports errors in one line, and knows its options by the keywords of functions."""

    def __init__(self, *args, **kwargs):
        self.options = {}
        super().__init__(*args, **kwargs)
        self.set_defaults(options=self.options)

    def add_argument(self, *args, **kwargs):
        action = super().add_argument(*args, **kwargs)
        if any(name.startswith("--") for name in args):
            self.options[action.dest] = action
        return action

    def error(self, message):
        self.exit(2, f"{_PROGRAM}: error: {message} (see '{self.prog} --help')\n")


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
    complain = partial(_complain, options=args.options)
    if args.command != "weights":
        # It replaces warnings.showwarning when it is imported
        importlib.import_module("sunpy")
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: complain(message, kind="warning")
        try:
            with _cleaning_up():
                return _run(args, complain)
        except BrokenPipeError:
            # The reader has closed the pipe; nothing is left to flush at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except _Terminated:
            return _complain("terminated", code=128 + signal.SIGTERM)
        except KeyboardInterrupt:
            return _complain("interrupted", code=130)


class _Terminated(KeyboardInterrupt):
    """The process was asked to end."""


@contextmanager
def _cleaning_up():
    """End as after Ctrl-C when a batch system ends the process, so that temporary files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(*_):
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(args, complain):
    """Run the command; errors that a user can correct are reported in one line."""
    try:
        return args.run(args) or 0
    except BrokenPipeError:
        raise
    except ModuleNotFoundError as error:
        # Lightning names no module if that of a logger is missing
        if error.name == "h5py" and not args.debug:
            return complain(error)
        if error.name is not None and error.name.partition(".")[0] not in _EXTRA:
            raise
        if args.debug:
            raise
        return complain(f'{args.command} needs more packages ({error}). Run: pip install "sunpy_restore[train]"')
    except (MemoryError, OSError, RuntimeError, TypeError, ValueError) as error:
        if args.debug:
            raise
        return complain(error)


def _complain(message, *, kind="error", code=1, options=()):
    text = in_shell(" ".join(str(message).split()), dict(options), [function.name for function in tasks.FUNCTIONS])
    print(f"{_PROGRAM}: {kind}: {text}", file=sys.stderr)
    return code


def _parser():
    parser = _Parser(prog=_PROGRAM, description="Restore solar images.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"{_PROGRAM} {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name, run, what, *aliases):
        # Python names have underscores, command lines hyphens: both are understood
        aliases = [*aliases, *([name.replace("_", "-")] if "_" in name else [])]
        text = f"{what[0].upper()}{what[1:]}."
        added = commands.add_parser(name, aliases=aliases, help=what, description=text, allow_abbrev=False)
        added.set_defaults(run=run)
        return added

    demo = command(
        "demo", _demo, "restore the samples of the package and make granulation; writes FITS files and figures"
    )
    demo.add_argument(
        "-o", "--output", metavar="DIR", default="sunpy-restore-demo", help="folder (default: %(default)s)"
    )
    _add_device(demo)
    for function in tasks.FUNCTIONS:
        if isinstance(function, MapFunction):
            short = {task.name for task in function.tasks if len(function.tasks) == 1} - {function.name}
            added = command(function.name, partial(_restore, function), function.summary, *short)
            add_function(added, function)
            _add_weights(added)
            _add_device(added)
    checked = command(
        "report", _report, "check a restored image against its original; exit code 1 if a check is flagged"
    )
    checked.add_argument("restored", metavar="RESTORED", help="file that a command or sunpy_restore.save has written")
    checked.add_argument("original", metavar="ORIGINAL", help="file that was restored")
    checked.add_argument("--json", action="store_true", help="print JSON")
    for option in _report_options():
        add_option(checked, option)
    synthesis = command("synthesize", _synthesize, "make photospheric texture of any size")
    add_synthesis(synthesis)
    _add_weights(synthesis)
    _add_device(synthesis)
    dataset = command("dataset", _dataset, "build training data from folders of files, or from archives")
    dataset.add_argument("task", metavar="TASK", help="such as enhance-continuum")
    dataset.add_argument(
        "--from", dest="sources", action="append", metavar="DIR", help="folder of files; may be repeated"
    )
    dataset.add_argument(
        "--fido",
        action="append",
        metavar="QUERY",
        help="download files, such as 'time=2014-10-26/2014-10-27 sample=1h wavelength=193'; may be repeated",
    )
    dataset.add_argument(
        "--pairs", action="append", metavar="DIR", help="folder of files with pairs of real images; may be repeated"
    )
    dataset.add_argument("--out", metavar="DIR", required=True, help="folder of the training data")
    dataset.add_argument(
        "--export-pairs",
        metavar="DIR",
        help="also write the training pairs as PNG files for other programs (desaturate)",
    )
    dataset.add_argument("--gap", metavar="TIME", help="least time between training and validation, such as '12 h'")
    dataset.add_argument("--no-progress", action="store_true", help="show no progress bar")
    _add_training(command("train", _train, "train a network"))
    evaluate = command(
        "evaluate", _evaluate, "score a network and the classical methods on data kept back from training"
    )
    evaluate.add_argument("task", metavar="TASK", help="such as enhance-continuum")
    data = evaluate.add_mutually_exclusive_group(required=True)
    data.add_argument("--data", metavar="DIR", help="folder with the training data")
    data.add_argument(
        "--observations", metavar="DIR", help="folder with real observations, on which the methods are compared"
    )
    evaluate.add_argument(
        "--method", action="append", metavar="NAME", help="only this row of the table; may be repeated"
    )
    evaluate.add_argument("--json", metavar="FILE", help="also write the scores to a file")
    evaluate.add_argument(
        "--weights", nargs="+", metavar="W", help="names in the registry or .safetensors files, each with its own row"
    )
    _add_device(evaluate)
    weights = command("weights", None, "list, fetch or verify weights of networks")
    actions = weights.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="weights in the registry").set_defaults(run=_list_weights)
    fetch = actions.add_parser("fetch", help="download weights into the cache")
    fetch.add_argument("names", nargs="+", metavar="NAME", help="name in the registry")
    fetch.set_defaults(run=_fetch_weights)
    verify = actions.add_parser("verify", help="check files on this machine: size, SHA-256, a network's metadata")
    verify.add_argument("names", nargs="*", metavar="NAME", help="name in the registry (default: all that are here)")
    verify.set_defaults(run=_verify_weights)
    export = actions.add_parser("export", help="weights of a training with a registry entry and a model card")
    export.add_argument("run_folder", metavar="RUN", help="folder of a training, or a .safetensors file")
    export.add_argument("--out", metavar="DIR", required=True, help="folder for the files")
    export.add_argument("--name", help="name in the registry (default: task and configuration)")
    export.add_argument("--data", metavar="DIR", help="training data, to score the weights on what was kept back")
    export.add_argument("--method", action="append", metavar="NAME", help="only this row of the table; may be repeated")
    export.add_argument("--onnx", action="store_true", help="also write an ONNX file")
    _add_device(export)
    export.set_defaults(run=_export_weights)
    return parser


def _add_training(parser):
    _add_data(parser)
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for checkpoints, logs and weights")
    parser.add_argument("--config", metavar="NAME", default="compact", help="configuration (default: %(default)s)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a value, such as options.views=100"
    )
    parser.add_argument("--start", metavar="FILE", help="weights to begin with")
    parser.add_argument("--resume", action="store_true", help="continue from the last checkpoint in the folder")
    parser.add_argument("--steps", type=int, metavar="N", help="train for another number of steps")
    parser.add_argument(
        "--accumulate", type=int, metavar="N", help="compute each batch in N parts, to need less memory"
    )
    parser.add_argument("--patience", type=int, metavar="N", help="stop after N validations without a better score")
    parser.add_argument("--export", choices=["last", "best"], help="weights to write: last step, or best validation")
    parser.add_argument(
        "--devices", type=_count, default="auto", metavar="N", help="devices of this machine (default: all GPUs)"
    )
    parser.add_argument("--nodes", type=int, default=1, metavar="N", help="machines that train together (default: 1)")
    parser.add_argument("--minutes", type=float, metavar="M", help="end after this time, even if steps are left")
    parser.add_argument(
        "--accelerator", default="auto", metavar="NAME", help="kind of device, such as gpu or cpu (default: the best)"
    )
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes that prepare batches")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")


def _count(text):
    return text if text == "auto" else int(text)


def _add_data(parser):
    parser.add_argument("task", metavar="TASK", help="such as enhance-continuum")
    parser.add_argument("--data", metavar="DIR", required=True, help="folder with the training data, see dataset")


def _add_weights(parser):
    parser.add_argument("--weights", metavar="W", help="name in the registry, or a .safetensors file")


def _add_device(parser):
    parser.add_argument("--device", metavar="NAME", help="PyTorch device (default: CUDA, then MPS, then the CPU)")


def _demo(args):
    from sunpy_restore.cli.demo import demo

    for line in demo(args.output, device=args.device):
        print(line, flush=True)


def _restore(function, args):
    return restore_files(args, function, partial(_complain, options=args.options))


def _report_options():
    functions = (function for function in tasks.FUNCTIONS if isinstance(function, MapFunction))
    options = (option for function in functions for option in function.options if option.in_report)
    return {option.name: option for option in options}.values()


def _report(args):
    from sunpy_restore.checking import report
    from sunpy_restore.core.inputs import read_map
    from sunpy_restore.core.messages import prefixed

    maps = []
    for path in (args.restored, args.original):
        with prefixed(f"{path}: "):
            maps.append(read_map(path))
    found = report(*maps, **given_options(_report_options(), args))
    print(json.dumps(found.as_dict(), indent=2) if args.json else found)
    return 0 if found.passed else 1


def _synthesize(args):
    print(synthesize(args))


def _dataset(args):
    task = tasks.get_task(args.task)
    from sunpy_restore.training import build_dataset, build_pairs, format_manifest

    if args.pairs and (args.sources or args.fido):
        raise ValueError("Found --pairs with --from or --fido; expected only one kind. Use a folder for each.")
    options = {"gap": args.gap, "progress": not args.no_progress and sys.stderr.isatty()}
    if args.pairs:
        manifest = build_pairs(args.task, args.pairs, args.out, **options)
    else:
        manifest = build_dataset(args.task, args.sources, args.out, fido=args.fido, **options)
    print(format_manifest(manifest))
    if args.export_pairs:
        from sunpy_restore.core.recipe import recipe_of

        counts = recipe_of(task).export_samples(args.out, args.export_pairs)
        print(f"{args.export_pairs}: {', '.join(f'{count} pairs for {split}' for split, count in counts.items())}")


def _train(args):
    # An unknown task is an error before a missing package is
    tasks.get_task(args.task)
    from sunpy_restore.core.configfile import parse_changes
    from sunpy_restore.training import train

    names = ("config", "resume", "start", "steps", "workers", "devices", "nodes", "accelerator", "minutes")
    options = {name: getattr(args, name) for name in names}
    changes = {name: getattr(args, name) for name in ("accumulate", "patience", "export")}
    options["changes"] = parse_changes(args.set) | {name: value for name, value in changes.items() if value is not None}
    print(train(args.task, args.data, args.out, progress=not args.no_progress, **options))


def _evaluate(args):
    from sunpy_restore.core.recipe import recipe_of
    from sunpy_restore.training import evaluate, evaluate_observations, format_table

    recipe = recipe_of(tasks.get_task(args.task))
    options = {"methods": args.method, "weights": args.weights, "device": args.device}
    if args.observations is None:
        rows, columns = evaluate(args.task, args.data, **options), recipe.score_columns
    else:
        rows = evaluate_observations(args.task, args.observations, **options)
        columns = recipe.observation_columns
    print(format_table(rows, columns))
    if args.json:
        Path(args.json).write_text(json.dumps({"task": args.task, "rows": rows}, indent=2) + "\n", encoding="utf-8")


def _list_weights(args):
    from sunpy_restore.core.weights import available

    for entry in available():
        here = _place(entry)
        default = ", default" if entry.default else ""
        task = entry.task or "for training"
        size = f"{entry.size / 1e6:.1f} MB" if entry.size else "size unknown"
        print(f"{entry.name}  {task}  {entry.kind}{default}  {size}  {here}")
        print(f"    {entry.description} {entry.licence}, doi:{entry.doi}")
        if entry.trained_on:
            print(f"    Trained on: {entry.trained_on}")


def _place(entry):
    """Where the file of an entry is."""
    from sunpy_restore.core.weights import cache_folder, locate

    path = locate(entry)
    if entry.kind == "compact":
        return "in the package"
    if path is None:
        return "not downloaded"
    return "in the cache" if path.parent == cache_folder() else f"in {path.parent}"


def _entries(names):
    from sunpy_restore.core.weights import available, entry_named

    return [entry_named(name) for name in names] or available()


def _fetch_weights(args):
    from sunpy_restore.core.weights import fetch

    for entry in _entries(args.names):
        print(fetch(entry, progress=sys.stderr.isatty()).path)


def _export_weights(args):
    from sunpy_restore.training import export_weights

    options = {name: getattr(args, name) for name in ("name", "data", "onnx", "device")}
    for path in export_weights(args.run_folder, args.out, methods=args.method, **options):
        print(path)


def _verify_weights(args):
    from sunpy_restore.core.exceptions import WeightsError
    from sunpy_restore.core.weights import locate, verify

    code = 0
    for entry in _entries(args.names):
        if not args.names and entry.kind != "compact" and locate(entry) is None:
            continue
        try:
            print(f"{verify(entry).path}: OK")
        except (ValueError, WeightsError) as error:
            code = _complain(error)
    return code
