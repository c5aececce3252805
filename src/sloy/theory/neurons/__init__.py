"""One neuron: what it computes, how it learns, and what it cannot be (L1, L3)."""
