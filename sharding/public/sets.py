"""The public data sets of pix2pix (arXiv:1611.07004) and CycleGAN (arXiv:1703.10593): where they lie, what they are.

Addresses and numbers are those of the authors' pages; checksums were published of none.
"""

from dataclasses import dataclass
from typing import Literal

_PIX2PIX = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets"
_CYCLEGAN = "http://efrosgans.eecs.berkeley.edu/cyclegan/datasets"


@dataclass(frozen=True, kw_only=True)
class PublicSet:
    """One of them."""

    name: str
    base: str
    """The address of the folder that its archive lies in."""
    layout: Literal["pairs", "unpaired"]
    views: tuple[str, str]
    """Of the left and the right half, or of trainA and trainB."""
    about: str
    licence: str
    size: int = 256
    """Pixels, square, of what is stored: what the paper crops from."""

    @property
    def archive(self) -> str:
        return f"{self.name}.tar.gz" if self.layout == "pairs" else f"{self.name}.zip"


def _pairs(name: str, left: str, right: str, about: str, licence: str, *, size: int = 286) -> PublicSet:
    return PublicSet(
        name=name, base=_PIX2PIX, layout="pairs", views=(left, right), about=about, licence=licence, size=size
    )


def _unpaired(name: str, a: str, b: str, about: str, licence: str) -> PublicSet:
    return PublicSet(name=name, base=_CYCLEGAN, layout="unpaired", views=(a, b), about=about, licence=licence, size=286)


_FLICKR = "photographs of Flickr's users, each under its owner's terms: for research, do not publish"
_IMAGENET = "from ImageNet: for non-commercial research and education"
_WIKIART = "paintings from WikiArt, in the public domain in most countries; the photographs are those of Flickr's users"

_CMP = "CMP facades (Tylecek 2013): free for research, to be cited"
_GOOGLE = "scraped from Google Maps: Google's terms hold; for research"
_ZAPPOS = "UT Zappos50K (Yu & Grauman 2014): for non-commercial research"
_AMAZON = "photographs of Amazon's products (Zhu 2016): for research"
_WEBCAMS = "Transient Attributes (Laffont 2014), of webcams: for research"

SETS = {
    each.name: each
    for each in (
        _pairs("facades", "photo", "labels", "facades and their parts, 400 + 100 + 106", _CMP),
        _pairs("maps", "photo", "map", "aerial photographs of New York and maps, 1096 + 1098", _GOOGLE),
        _pairs("edges2shoes", "edges", "photo", "edges and photographs of shoes, 49,825 + 200", _ZAPPOS, size=256),
        _pairs(
            "edges2handbags", "edges", "photo", "edges and photographs of handbags, 138,567 + 200", _AMAZON, size=256
        ),
        _pairs("night2day", "a", "b", "places by night and by day, 17,823 + 2,287", _WEBCAMS),
        _unpaired("horse2zebra", "a", "b", "horses, zebras, 1067 / 1334 + 120 / 140", _IMAGENET),
        _unpaired("apple2orange", "a", "b", "apples, oranges, 995 / 1019 + 266 / 248", _IMAGENET),
        _unpaired("summer2winter_yosemite", "a", "b", "Yosemite in summer, in winter, 1231 / 962 + 309 / 238", _FLICKR),
        _unpaired("monet2photo", "a", "b", "Monet's paintings, photographs, 1072 / 6287 + 121 / 751", _WIKIART),
        _unpaired("cezanne2photo", "a", "b", "Cezanne's paintings, photographs, 525 / 6287 + 58 / 751", _WIKIART),
        _unpaired("ukiyoe2photo", "a", "b", "ukiyo-e, photographs, 562 / 6287 + 263 / 751", _WIKIART),
        _unpaired("vangogh2photo", "a", "b", "Van Gogh's paintings, photographs, 400 / 6287 + 400 / 751", _WIKIART),
        _unpaired("iphone2dslr_flower", "a", "b", "flowers by telephone, by camera, 1812 / 3325 + 569 / 480", _FLICKR),
    )
}

REFUSED = {
    "cityscapes": (
        "needs a licence of its owners, and they alone may give it away. Register at "
        "https://www.cityscapes-dataset.com, "
        "download leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip, unpack both, then: diptych shard folders "
        "--a leftImg8bit/{split} --b gtFine/{split} --recursive --names-a '*_leftImg8bit' --names-b '*_gtFine_color' "
        "--size 256 --out data/cityscapes"
    ),
}
"""Sets that are asked for by name, and why they cannot be fetched."""
