"use strict";
// σ and σ′. `low` is the least answer of those that tell two classes apart (the other class is 1).

const sigmoid = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

const FUNCTIONS = {
  heaviside: { low: 0, value: (z) => (z > 0 ? 1 : 0), slope: () => 0 },
  sign: { low: -1, value: (z) => Math.sign(z), slope: () => 0 },
  sigmoid: { low: 0, value: sigmoid, slope: (z) => sigmoid(z) * (1 - sigmoid(z)) },
  tanh: { low: -1, value: Math.tanh, slope: (z) => 1 - Math.tanh(z) ** 2 },
  relu: { value: (z) => Math.max(0, z), slope: (z) => (z > 0 ? 1 : 0) },
  leaky: { value: (z, { slope }) => (z > 0 ? z : slope * z), slope: (z, { slope }) => (z > 0 ? 1 : slope) },
  elu: {
    value: (z, { alpha }) => (z > 0 ? z : alpha * Math.expm1(z)),
    slope: (z, { alpha }) => (z > 0 ? 1 : alpha * Math.exp(z)),
  },
  maxout: {
    value: (z, { w1, b1, w2, b2 }) => Math.max(w1 * z + b1, w2 * z + b2),
    slope: (z, { w1, b1, w2, b2 }) => (w1 * z + b1 >= w2 * z + b2 ? w1 : w2),
  },
};

/** An answer as a share of the way from the least (0) to the largest (1). */
const share = (kind, answer) => (answer - FUNCTIONS[kind].low) / (1 - FUNCTIONS[kind].low);
