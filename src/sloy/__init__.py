"""sloy (слой, "layer"): neural networks from one neuron to VGG, trained fast on the machine you have."""
