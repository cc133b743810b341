"""What kind of file a picture of a view is."""

from sharding.format.manifest import View


def result_suffix(view: View) -> str:
    """The suffix of files that hold what a view stores.

    `.png` of 8 or 16 bits and 1 or 3 channels, and of classes; `.npy` where the view's own files are that; else `.tif`.
    """
    if view.content != "classes" and view.extension.endswith("npy"):
        return ".npy"
    is_png = view.dtype in ("uint8", "uint16") and view.channels in (1, 3)
    return ".png" if is_png or view.content == "classes" else ".tif"
