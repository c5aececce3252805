"""What computers see: numbers, convolution and pooling (L16-L19, L22)."""
