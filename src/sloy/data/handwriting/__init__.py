"""Photographs and drawings of digits, or other marks, as the samples of MNIST are made: found, cut, scaled, centred."""

from sloy.data.handwriting.reader import HandwritingReader, Written, usual_reader

__all__ = ["HandwritingReader", "Written", "usual_reader"]
