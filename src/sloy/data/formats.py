"""Formats of pictures: which are read here, which are only known by name, and what to do about those."""

from __future__ import annotations

import os
import re
from functools import cache
from importlib.util import find_spec

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
_ALWAYS = frozenset(
    f".{name}"
    for name in (
        *("png", "jpg", "jpeg", "jpe", "jfif", "bmp", "dib", "gif", "webp", "tif", "tiff"),
        *("ppm", "pgm", "pbm", "pnm"),
    )
)
_SOMETIMES = {"AVIF": (".avif", ".avifs"), "HEIC": (".heic", ".heif", ".hif")}
_NEVER = {
    "RAW": ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 "
    ".rwl .sr2 .srf .srw .x3f",
    "PSD": ".psd .psb",
    "SVG": ".svg .svgz",
    "PDF": ".pdf",
    "EPS": ".eps .ps .ai",
    "JPEG 2000": ".jp2 .j2k .jpf .jpx",
    "JPEG XL": ".jxl",
    "TGA": ".tga",
    "EXR": ".exr",
    "HDR": ".hdr",
    "DICOM": ".dcm .dicom",
    "FITS": ".fits .fit",
    "DDS": ".dds",
    "ICO": ".ico .icns",
    "XCF": ".xcf",
}
_FOREIGN = {
    **{suffix: name for name, suffixes in _SOMETIMES.items() for suffix in suffixes},
    **{suffix: name for name, suffixes in _NEVER.items() for suffix in suffixes.split()},
}
_SUFFIX = {"JPEG 2000": "jp2", "JPEG XL": "jxl"}
_ADVICE = {
    "HEIC": "pip install 'sloy[heif]', or heif-convert IN.heic OUT.jpg",
    "AVIF": "a newer Pillow, or avifdec IN.avif OUT.png",
    "RAW": "develop them: darktable-cli IN.nef OUT.tif, or dcraw -T -w IN.nef",
    "SVG": "draw them: rsvg-convert IN.svg -o OUT.png",
    "PDF": "pdftoppm -png IN.pdf OUT",
    "DICOM": "dcmj2pnm IN.dcm OUT.png",
}
_BY_HEAD = (  # what a file begins with → what it is
    (rb"....ftyp(heic|heix|hevc|hevx|heim|heis|mif1|msf1)", "HEIC"),
    (rb"....ftyp(avif|avis)", "AVIF"),
    (rb"....ftypcrx |II\*\0....CR|FUJIFILM|IIRO|IIRS|IIU\0", "RAW"),
    (rb"8BPS", "PSD"),
    (rb"(\xef\xbb\xbf)?\s*(<\?xml.*)?(<!--.*)?(<!DOCTYPE svg.*)?<svg", "SVG"),
    (rb"%PDF", "PDF"),
    (rb"%!PS", "EPS"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL"),
    (rb"v/1\x01", "EXR"),
    (rb".{128}DICM", "DICOM"),
    (rb"gimp xcf", "XCF"),
    (rb"\s*<(!doctype html|html|head|!--)", "a web page"),
)
_PICTURES = (
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|II\*\0|MM\0\*|BM....\0\0\0\0|P[1-6]\s"
)
HEAD = 1024  # bytes of a file that tell what it is


@cache
def formats() -> tuple[str, ...]:
    """What Pillow is asked to read: `FORMATS`, and AVIF and HEIF where this installation can."""
    found = list(FORMATS)
    from PIL import features

    if features.check("avif"):
        found.append("AVIF")
    if find_spec("pillow_heif") is not None:
        import pillow_heif

        pillow_heif.register_heif_opener()
        found.append("HEIF")
    return tuple(found)


@cache
def suffixes() -> frozenset[str]:
    """Ends of names, in small letters with the dot, of pictures that are read."""
    able = {"AVIF": "AVIF" in formats(), "HEIC": "HEIF" in formats()}
    more = {suffix for name, of_it in _SOMETIMES.items() if able[name] for suffix in of_it}
    return _ALWAYS | more


def is_picture_name(name: str) -> bool:
    """Whether a file's name is that of a picture: its suffix is known, it is not hidden."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in suffixes()


def foreign(name: str) -> str | None:
    """The format that a file's name tells, of those that are pictures but are not read: HEIC, RAW, SVG, …"""
    suffix = os.path.splitext(name)[1].lower()
    return None if suffix in suffixes() else _FOREIGN.get(suffix)


def foreign_head(head: bytes) -> str | None:
    """The same from the first bytes of a file; "a web page" too."""
    for pattern, name in _BY_HEAD:
        if re.match(pattern, head, re.DOTALL | re.IGNORECASE):
            return name
    return None


def is_picture_head(head: bytes) -> bool:
    """Whether a file begins as pictures do that are read."""
    return re.match(_PICTURES, head, re.DOTALL) is not None


def advice(name: str) -> str:
    """How pictures of a format that is not read become such as are."""
    return _ADVICE.get(name, f"magick IN.{_SUFFIX.get(name, name.split()[-1].lower())} OUT.png")
