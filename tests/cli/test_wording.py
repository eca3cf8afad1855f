"""Messages of functions in the words of the command line."""

import argparse
import re

import pytest

from sunpy_restore.cli.main import main
from sunpy_restore.cli.parser import build_parser
from sunpy_restore.cli.wording import in_shell
from sunpy_restore.core.fits.inputs import read_quantity
from sunpy_restore.core.task import MapFunction
from sunpy_restore.data import sample_path
from sunpy_restore.tasks import FUNCTIONS

MAP_FUNCTIONS = [function for function in FUNCTIONS if isinstance(function, MapFunction)]


@pytest.fixture(scope="module")
def options():
    parser = argparse.ArgumentParser()
    added = [
        parser.add_argument("--mask", metavar="FILE"),
        parser.add_argument("--method", choices=("network", "harmonic")),
        parser.add_argument("--neighbours", metavar="FILE", nargs="+"),
        parser.add_argument("--clean_weighting", "--clean-weighting"),
        parser.add_argument("--subcollimators", metavar="N"),
        parser.add_argument("--texture", action="store_true"),
        parser.add_argument("--saturated", metavar="VALUE"),
    ]
    return {action.dest: action for action in added} | {"sink": parser.add_argument("-o", "--output", metavar="OUT")}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Pass mask= with True there.", "Pass --mask FILE with True there."),
        ("Pass mask=.", "Pass --mask FILE."),
        ("Use method='harmonic'.", "Use --method 'harmonic'."),
        ("Use method='harmonic', or mask=", "Use --method 'harmonic', or --mask FILE"),
        ("Pass neighbours=[before, after].", "Pass --neighbours FILE."),
        ("Pass mask=~numpy.isfinite(smap.data) to fill.", "Pass --mask FILE to fill."),
        ("expected subcollimators=(3, 4). Give", "expected --subcollimators 3,4. Give"),
        ("for texture=True.", "for --texture."),
        ("Found saturated=-1.5; expected", "Found --saturated -1.5; expected"),
        ("Found saturated=1e+06 DN; expected", "Found --saturated 1e+06 DN; expected"),
        ("Found saturated=nan; expected", "Found --saturated nan; expected"),
        ("Found clean_weighting for it.", "Found --clean-weighting for it."),
        ("Found method='a b'.", "Found --method 'a b'."),
        ("The mask covers all pixels.", "The mask covers all pixels."),
        ("Set BUNIT='DN'; options.mask=3, KEY=VALUE.", "Set BUNIT='DN'; options.mask=3, KEY=VALUE."),
        ("already --mask FILE and --clean-weighting", "already --mask FILE and --clean-weighting"),
        ("Choose another sink, or set texture=True.", "Choose another --output, or set --texture."),
        ("or choose another sink.", "or choose another --output."),
        ("/a/sink/b exists, and sink.fits.", "/a/sink/b exists, and sink.fits."),
        ("Found clean_weighting.", "Found --clean-weighting."),
        ("inpaint() fills LASCO images", "inpaint fills LASCO images"),
    ],
)
def test_keywords_become_options(options, message, expected):
    assert in_shell(message, options, ["inpaint"]) == expected
    assert in_shell(expected, options, ["inpaint"]) == expected


def test_commands_without_options_keep_messages():
    assert in_shell("Pass mask= with True.", {}) == "Pass mask= with True."


@pytest.mark.parametrize("function", MAP_FUNCTIONS, ids=lambda function: function.name)
def test_every_keyword_with_an_option_is_translated(function):
    args = build_parser().parse_args([function.name, "in.fits", "-o", "out.fits"])
    for name in ("method", "weights", "device", *(option.name for option in function.options)):
        found = in_shell(f"Pass {name}= here.", args.options)
        assert re.fullmatch(r"Pass --[a-z-]+( [A-Z]+)? here\.", found), found


@pytest.mark.parametrize(
    ("sample", "arguments", "texts"),
    [
        ("aia_171_quiet", ["desaturate"], ["warning: Found no saturated pixels", "Pass --mask FILE to fill"]),
        ("aia_193_flare", ["desaturate", "--exposure", "2"], ["Found --exposure 2 for"]),
        ("aia_193_flare", ["desaturate", "--saturated", "abc"], ["--saturated abc: Found 'abc'; expected a number"]),
        ("aia_193_flare", ["desaturate", "--saturated", "9 DN/s"], ["Found --saturated 9.0 DN / s for an image in DN"]),
        ("lasco_c3_cme", ["inpaint", "--method", "temporal"], ["Pass --neighbours FILE."]),
        ("stix_flare", ["backproj-to-clean", "--method", "mem", "--residual"], ["Found --residual for --method 'mem'"]),
        (
            "stix_flare",
            ["backproj-to-clean", "--method", "mem", "--subcollimators", "5-10"],
            ["sub-collimators 5, 6, 7, 8, 9, 10;", "expected --subcollimators 3,4,5,6,7,8,9,10,"],
        ),
    ],
)
@pytest.mark.filterwarnings("default::sunpy_restore.core.exceptions.RestoreWarning")
def test_errors_and_warnings_name_options(capsys, tmp_path, sample, arguments, texts):
    command, *options = arguments
    if "--method" not in options:
        options += ["--method", "biharmonic"]
    main([command, str(sample_path(sample)), "-o", str(tmp_path / "out.fits"), *options])
    error = capsys.readouterr().err
    for text in texts:
        assert text in error
    assert not re.search(r"\b[a-z_]+=", error)


def test_synthesis_names_options(capsys, tmp_path):
    arguments = ["--shape", "4", "4", "--method", "spectrum", "--refine-worst", "3", "-o", str(tmp_path / "out.fits")]
    assert main(["synthesize", *arguments]) == 1
    error = capsys.readouterr().err
    assert "Found --refine-worst 3 for --method 'spectrum'" in error
    assert "=" not in error


def test_the_results_of_a_folder_need_a_folder(capsys, tmp_path):
    assert main(["enhance", str(tmp_path), "-o", str(tmp_path / "out.fits")]) == 1
    error = capsys.readouterr().err
    assert f"Found the output '{tmp_path / 'out.fits'}' for an archive; expected a folder" in error


@pytest.mark.parametrize("text", ["abc", "", "[1, 2] DN", "3 parsnips", "DN"])
def test_text_that_is_no_number(text):
    with pytest.raises(ValueError, match=r"expected a number, or a number and its unit|expected one number"):
        read_quantity(text)
