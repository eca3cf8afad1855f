"""The function `sunpy_restore.desaturate` and its task."""

from sunpy_restore.core.task import MapFunction, Option, Restoration, network_builder

__all__ = ["CHANNELS", "DESATURATE", "TASK"]

CHANNELS = ("image", "mask", "level", "brightest", "biharmonic")
"""Input channels of the networks, see `~sunpy_restore.desaturation.filling.channels.channels_of`."""

TASK = Restoration(
    name="desaturate",
    title="Over-exposed flare cores of AIA",
    doi="10.1155/2019/5343254",
    unit="full well, or the median of the harmonic fill",
    channels=CHANNELS,
    build_network=network_builder(FillingUNet="unet", FillMixture="mixture", MaskPix2Pix="papers.pix2pix"),
    network_method="sunpy_restore.desaturation.restore:with_network",
    classical={
        "biharmonic": "sunpy_restore.desaturation.filling.classical:biharmonic",
        "diffraction": "sunpy_restore.desaturation.filling.classical:diffraction",
    },
    restore="sunpy_restore.desaturation.restore:restore",
    recipe="sunpy_restore.desaturation.recipe:DesaturationRecipe",
    checks="sunpy_restore.desaturation.checks:checks",
    evidence="sunpy_restore.desaturation.uncertainty:evidence",
    fingerprint="sunpy_restore.desaturation.likeness:fingerprint",
)

DESATURATE = MapFunction(
    name="desaturate",
    module="sunpy_restore.desaturation.verb",
    summary="recover the saturated cores of flares in SDO/AIA images",
    tasks=(TASK,),
    observation="sunpy_restore.desaturation.observation:Observation",
    per_image={
        "mask": "sunpy_restore.core.images.containers:masks_for",
        "exposure": "sunpy_restore.desaturation.detection.exposure:exposures_for",
    },
    options=(
        Option(
            "mask",
            "pixels to fill, where it is not zero: FITS image or .npy (default: the saturated pixels are found)",
            "FILE",
            read="sunpy_restore.core.fits.inputs:read_mask",
        ),
        Option(
            "saturated",
            "value that saturated pixels show, in the unit of the image or with its own (default: found from the full "
            "well; not assumed with --mask)",
            "VALUE",
            read="sunpy_restore.core.fits.inputs:read_quantity",
            in_report=True,
        ),
        Option(
            "exposure",
            "exposure time of images in DN/s, in seconds or with its unit (default: EXPTIME in the header)",
            "SECONDS",
            read="sunpy_restore.core.fits.inputs:read_quantity",
            in_report=True,
        ),
        Option(
            "excess",
            "whether the charge above the full well bloomed along the columns or was clipped (default: decided by the "
            "light around the saturated pixels)",
            choices=("bloomed", "clipped"),
            in_report=True,
        ),
        Option(
            "consistency",
            "correct the fill with the diffraction fringes and the charge (default: with the network, where the "
            "diffraction pattern is known)",
            choices=("diffraction", "none"),
        ),
    ),
)
