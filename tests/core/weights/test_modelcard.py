"""Model cards: headings with units, one table for sources that are scored alike, and no score without its name."""

from sunpy_restore.core.recipes.scoring import ScoreColumn
from sunpy_restore.core.weights.markup import RESTRUCTUREDTEXT
from sunpy_restore.core.weights.modelcard import score_tables, validation_table

COLUMNS = {
    "residual": ScoreColumn("residual [%]", "{:.1%}"),
    "psnr": ScoreColumn("PSNR [dB]", "{:.2f}"),
}


def cells(table):
    """Rows of a list-table."""
    rows = []
    for line in table.splitlines():
        if line.startswith("    * - "):
            rows.append([])
        if line[4:8] in ("* - ", "  - "):
            rows[-1].append(line[8:])
    return rows


def test_headings_and_formats_are_those_of_the_recipe():
    scores = {"Sun": {"network": {"psnr": 30.123, "residual": 0.0123, "own": 2.0}, "bicubic": {"psnr": 20.0}}}
    intervals = {"Sun": {"network": {"psnr": [29.0, 31.5]}}}
    header, network, bicubic = cells(score_tables(scores, intervals, COLUMNS, RESTRUCTUREDTEXT))
    assert header == ["Test images", "Method", "residual [%]", "PSNR [dB]", "own"]
    assert network == ["Sun", "network", "1.2", "30.12 [29.00, 31.50]", "2"]
    assert bicubic == ["Sun", "bicubic", "n/a", "20.00", "n/a"]


def test_sources_with_the_same_measures_share_a_table():
    scores = {name: {"network": {"psnr": 1.0}} for name in ("a", "b")} | {"c": {"network": {"residual": 0.5}}}
    tables = score_tables(scores, {}, COLUMNS, RESTRUCTUREDTEXT).split(".. list-table::")[1:]
    assert [[row[0] for row in cells(table)[1:]] for table in tables] == [["a", "b"], ["c"]]


def test_validation_scores_are_named():
    rows = cells(validation_table({"psnr/the Sun": 12.345, "loss": 0.5}, COLUMNS, RESTRUCTUREDTEXT))
    assert rows[1:] == [["PSNR [dB]", "the Sun", "12.35"], ["loss", "", "0.5"]]
