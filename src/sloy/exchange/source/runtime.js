/** The numbers of a text in base64. */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** float16 as float32. */
function widened(halves) {
  return Float32Array.from(halves, (half) => {
    const exponent = (half >> 10) & 31,
      fraction = half & 1023,
      sign = half & 32768 ? -1 : 1;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
  });
}

/** Weights as they are stored: {at, kind, data, scales}. */
function unpacked({ kind, data, scales }) {
  const bytes = bytesOf(data);
  if (kind === "float32") return new Float32Array(bytes.buffer);
  if (kind === "float16") return widened(new Uint16Array(bytes.buffer));
  const by = new Float32Array(bytesOf(scales).buffer); // int8, a scale for each output channel
  return Float32Array.from(new Int8Array(bytes.buffer), (value, i) => value * by[i % by.length]);
}

/** The kernels of WebAssembly on a memory; null where there is none, or a page's policy forbids it. */
function quickKernels(memory, reserved, text) {
  if (!text) return null;
  try {
    const code = new WebAssembly.Module(bytesOf(text));
    const found = new WebAssembly.Instance(code, { env: { memory } }).exports;
    const of =
      (kernel) =>
      (x, w, y, ...sizes) =>
        kernel(reserved + 4 * x, reserved + 4 * w, reserved + 4 * y, ...sizes);
    return { product: of(found.product), convolution: of(found.convolution), depthwise: of(found.depthwise) };
  } catch {
    return null;
  }
}

/** A network that is ready: `m` is its memory, `run(x)` fills `m` from what is fed. */
function started(layout, weights, forward, kernels) {
  const reserved = 65536; // bytes, for the stack of the kernels
  const size = reserved + 4 * layout.size;
  let buffer, quick;
  if (typeof WebAssembly === "object" && kernels) {
    const memory = new WebAssembly.Memory({ initial: Math.ceil(size / 65536) });
    buffer = memory.buffer;
    quick = quickKernels(memory, reserved, kernels);
  }
  const m = new Float32Array(buffer || new ArrayBuffer(size), reserved, layout.size);
  for (const one of weights) m.set(unpacked(one), one.at);
  return {
    m,
    quick,
    run(...inputs) {
      layout.inputs.forEach(([at, count], i) => {
        if (inputs[i].length !== count)
          throw new RangeError(`x has ${inputs[i].length} numbers; the network takes ${count}`);
        m.set(inputs[i], at);
      });
      forward(m, quick);
    },
    /** An output by its name, as it lies in the memory. */
    output(name) {
      const { at: place, size: length } = layout.outputs[name];
      return m.subarray(place, place + length);
    },
  };
}
