"""The function `sunpy_restore.backproj_to_clean` and its task."""

from sunpy_restore.core.task import MapFunction, Option, Restoration, network_builder

__all__ = ["BACKPROJ_TO_CLEAN", "CHANNELS", "TASK"]

CHANNELS = ("image", *(f"subcollimator{number}" for number in range(1, 11)), "pixel", "mem", "forward-fit", "noise")
"""Names of the input channels of the networks, see `sunpy_restore.backprojection.channels`."""

TASK = Restoration(
    name="backproj",
    title="CLEAN-like images from back-projections of STIX",
    doi="10.1007/s11207-023-02205-7",
    unit="maximum of the back-projection with natural weights, per clean beam",
    channels=CHANNELS,
    build_network=network_builder(GuidedUNet="unrolled", UnrolledUNet="unrolled", CleanPix2Pix="papers.pix2pix_clean"),
    network_method="sunpy_restore.backprojection.restore:with_network",
    classical={
        "clean": "sunpy_restore.backprojection.classical:clean_observation",
        "multiscale-clean": "sunpy_restore.backprojection.classical:multiscale_observation",
        "squared-variation": "sunpy_restore.backprojection.classical:variation_observation",
        "mem": "sunpy_restore.backprojection.classical:mem_observation",
        "forward-fit": "sunpy_restore.backprojection.classical:forward_fit",
    },
    restore="sunpy_restore.backprojection.restore:restore",
    data_consistency="sunpy_restore.backprojection.restore:not_negative",
    recipe="sunpy_restore.backprojection.recipe:BackprojectionRecipe",
    checks="sunpy_restore.backprojection.checks:checks",
    evidence="sunpy_restore.backprojection.uncertainty:evidence",
    fingerprint="sunpy_restore.backprojection.likeness:fingerprint",
)

BACKPROJ_TO_CLEAN = MapFunction(
    name="backproj_to_clean",
    module="sunpy_restore.backprojection.verb",
    summary="remove the dirty beam from STIX back-projections",
    tasks=(TASK,),
    observation="sunpy_restore.backprojection.observation:Observation",
    per_image={"visibilities": "sunpy_restore.backprojection.visibilities.measured:visibilities_for"},
    options=(
        Option(
            "visibilities",
            "FITS file with a VISIBILITIES table that the image is fitted to",
            "FILE",
            read="sunpy_restore.backprojection.visibilities.measured:open_visibilities",
            in_report=True,
        ),
        Option(
            "subcollimators",
            "sub-collimators that were used, such as 3-10 or 3,4,7 (default: recognized)",
            "N",
            read="sunpy_restore.backprojection.visibilities.uvplane:subcollimators_of",
            in_report=True,
        ),
        Option(
            "weighting",
            "weighting of the back-projection (default: recognized)",
            choices=("natural", "uniform"),
            in_report=True,
        ),
        Option("residual", "add the residual map to the CLEAN image", flag=True),
        Option("clean_weighting", "weighting in CLEAN (default: natural)", choices=("natural", "uniform")),
        Option("instrument", "instrument of a file whose header names none", choices=("STIX",), in_report=True),
    ),
)
