"""The function `sunpy_restore.inpaint` and its task."""

from sunpy_restore.core.task import MapFunction, Option, Restoration, network_builder

__all__ = ["CHANNELS", "INPAINT", "NO_NEIGHBOURS", "TASK"]

CHANNELS = ("image", "mask", "unobserved", "flat_field", "noise", "neighbours", "seen", "plain", "radial", "plate",
            "radial_plate", "rings", "rays", "edge_enhancing_diffusion", "coherence")  # fmt: skip
"""Names of the input channels of a network, see `sunpy_restore.inpainting.filling.channels`."""

NO_NEIGHBOURS = "Found no neighbours; method 'temporal' expects some. Pass neighbours=[before, after]."
"""Message of the error for ``method="temporal"`` without neighbours."""

TASK = Restoration(
    name="inpaint",
    title="Missing telemetry blocks of LASCO",
    doi="10.1007/978-3-030-01252-6_6",
    unit="deviation from a smooth background in units of the noise",
    channels=CHANNELS,
    build_network=network_builder(CoronaUNet="unet", LayeredPartialUNet="papers.partialconv"),
    network_method="sunpy_restore.inpainting.restore:with_network",
    classical={
        **{name: f"sunpy_restore.inpainting.filling.classical:{name}" for name in ("harmonic", "biharmonic", "radial")},
        "fuzzy": "sunpy_restore.inpainting.filling.fuzzy:fuzzy",
        "temporal": "sunpy_restore.inpainting.filling.classical:temporal",
    },
    restore="sunpy_restore.inpainting.restore:restore",
    recipe="sunpy_restore.inpainting.recipe:InpaintingRecipe",
    checks="sunpy_restore.inpainting.checks:checks",
    evidence="sunpy_restore.inpainting.uncertainty:evidence",
    fingerprint="sunpy_restore.inpainting.likeness:fingerprint",
)

INPAINT = MapFunction(
    name="inpaint",
    module="sunpy_restore.inpainting.verb",
    summary="fill the missing telemetry blocks of SOHO/LASCO images",
    tasks=(TASK,),
    observation="sunpy_restore.inpainting.observation:Observation",
    per_image={
        "mask": "sunpy_restore.core.images.containers:masks_for",
        "neighbours": "sunpy_restore.inpainting.temporal.sequence:neighbours_for",
    },
    options=(
        Option(
            "mask",
            "pixels to fill, where it is not zero: FITS image or .npy (default: find the missing blocks)",
            "FILE",
            read="sunpy_restore.core.fits.inputs:read_mask",
        ),
        Option(
            "neighbours",
            "images taken before and after",
            "FILE",
            read="sunpy_restore.core.fits.inputs:read_maps",
            nargs="+",
        ),
        Option("texture", "add noise like that of the surroundings to the fill, for display", flag=True),
    ),
)
