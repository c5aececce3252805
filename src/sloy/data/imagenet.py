"""The 1000 classes of ImageNet's challenge, in the order in which every published network has them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def imagenet_classes() -> tuple[str, ...]:
    """The names of the 1000 classes of ILSVRC 2012, all different, in the order of their WordNet identifiers.

    References
    ----------
    .. [1] O. Russakovsky et al., "ImageNet large scale visual recognition challenge", IJCV 115 (2015) 211-252.

    Examples
    --------
    >>> names = imagenet_classes()
    >>> len(names), names[0], names[281], names[999]
    (1000, 'tench', 'tabby', 'toilet tissue')
    """
    return tuple(_classes().values())


def imagenet_synsets() -> tuple[str, ...]:
    """Their WordNet identifiers, as ImageNet's folders are called.

    Examples
    --------
    >>> imagenet_synsets()[:2]
    ('n01440764', 'n01443537')
    """
    return tuple(_classes())


@cache
def _classes() -> dict[str, str]:
    """Identifier → name."""
    text = files("sloy.data").joinpath("bundled/imagenet_classes.txt").read_text("ascii")
    return {line[:9]: line[10:] for line in text.splitlines()}  # "n01440764 tench"
