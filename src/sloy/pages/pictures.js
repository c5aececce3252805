"use strict";
// Pictures as networks take them: resized as Pillow resizes, marks of ink made samples as sloy.data.handwriting does.

const FILTERS = {
  box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  hamming: [
    1,
    (x) => {
      const a = Math.abs(x);
      if (a === 0) return 1;
      return a >= 1 ? 0 : (Math.sin(Math.PI * a) / (Math.PI * a)) * (0.54 + 0.46 * Math.cos(Math.PI * a));
    },
  ],
  bicubic: [
    2,
    (x) => {
      const a = Math.abs(x);
      if (a < 1) return (1.5 * a - 2.5) * a * a + 1;
      return a < 2 ? ((-0.5 * a + 2.5) * a - 4) * a + 2 : 0;
    },
  ],
  lanczos: [
    3,
    (x) => {
      const sinc = (t) => (t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t));
      return Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
    },
  ],
};

/** For each new pixel the first old one that counts, and the weights of it and those behind it. */
function taps(before, after, filter) {
  const scale = before / after,
    wide = Math.max(scale, 1);
  if (filter === "nearest")
    return Array.from({ length: after }, (_, i) => [Math.min(before - 1, Math.floor((i + 0.5) * scale)), [1]]);
  const [support, weight] = FILTERS[filter],
    reach = support * wide;
  return Array.from({ length: after }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach + 0.5)),
      last = Math.min(before, Math.floor(centre + reach + 0.5));
    const found = Array.from({ length: last - first }, (_, k) => weight((first + k - centre + 0.5) / wide));
    const total = found.reduce((a, b) => a + b, 0);
    return [first, found.map((one) => one / total)];
  });
}

const asByte = (value) => Math.min(255, Math.max(0, Math.floor(value + 0.5)));

/** Bytes (h, w, C), row-major, at another size: {values, height, width, channels}. */
function resizedTo({ values, height, width, channels }, rows, columns, filter) {
  let now = values;
  if (columns !== width) {
    const across = taps(width, columns, filter),
      made = new Uint8Array(height * columns * channels);
    for (let r = 0; r < height; r++)
      across.forEach(([first, weights], s) => {
        for (let c = 0; c < channels; c++) {
          let total = 0;
          for (let k = 0; k < weights.length; k++)
            total += weights[k] * now[(r * width + first + k) * channels + c];
          made[(r * columns + s) * channels + c] = asByte(total);
        }
      });
    now = made;
  }
  if (rows !== height) {
    const down = taps(height, rows, filter),
      line = columns * channels,
      made = new Uint8Array(rows * line);
    down.forEach(([first, weights], r) => {
      for (let i = 0; i < line; i++) {
        let total = 0;
        for (let k = 0; k < weights.length; k++) total += weights[k] * now[(first + k) * line + i];
        made[r * line + i] = asByte(total);
      }
    });
    now = made;
  }
  return { values: now, height: rows, width: columns, channels };
}

function cropped({ values, width, channels }, top, left, rows, columns) {
  const found = new Uint8Array(rows * columns * channels);
  for (let r = 0; r < rows; r++) {
    const from = ((top + r) * width + left) * channels;
    found.set(values.subarray(from, from + columns * channels), r * columns * channels);
  }
  return { values: found, height: rows, width: columns, channels };
}

/** What `PictureReader` makes of a picture of its channels. */
function framed(picture, { size, resize, resize_to: side, resampling, background }) {
  const [rows, columns] = size;
  if (resize === "pad") {
    const scale = Math.min(columns / picture.width, rows / picture.height);
    const inner = [picture.height, picture.width].map((n) => Math.max(1, Math.round(n * scale)));
    const small = resizedTo(picture, ...inner, resampling);
    const made = { values: new Uint8Array(rows * columns * picture.channels), height: rows, width: columns };
    const grey = background.length > picture.channels ? [luminance(background)] : background;
    made.values.forEach((_, i) => {
      made.values[i] = grey[i % picture.channels];
    });
    const [top, left] = [Math.floor((rows - inner[0]) / 2), Math.floor((columns - inner[1]) / 2)];
    for (let r = 0; r < inner[0]; r++)
      made.values.set(
        small.values.subarray(
          r * inner[1] * picture.channels,
          (r + 1) * inner[1] * picture.channels,
        ),
        ((top + r) * columns + left) * picture.channels,
      );
    return { ...made, channels: picture.channels };
  }
  if (resize === "crop") {
    const short = Math.min(picture.width, picture.height),
      scale = Math.max(columns / picture.width, rows / picture.height);
    const whole = side
      ? [Math.floor((side * picture.height) / short), Math.floor((side * picture.width) / short)]
      : [
          Math.max(rows, Math.round(picture.height * scale)),
          Math.max(columns, Math.round(picture.width * scale)),
        ];
    const large = resizedTo(picture, ...whole, resampling);
    return cropped(
      large,
      Math.round((whole[0] - rows) / 2),
      Math.round((whole[1] - columns) / 2),
      rows,
      columns,
    );
  }
  return resizedTo(picture, rows, columns, resampling);
}

const luminance = ([red, green, blue]) => (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;

/** A picture file as bytes (h, w, 1 or 3), upright, on a background. */
async function decoded(file, channels, background) {
  const bitmap = await createImageBitmap(file);
  const { width, height } = bitmap,
    most = 4096;
  if (width * height > 50e6 || Math.max(width, height) > 8 * most) throw new Error("too large");
  const scale = Math.min(1, most / Math.max(width, height));
  const canvas = html("canvas", {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = `rgb(${background.join(" ")})`;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const values = new Uint8Array((data.length / 4) * channels);
  for (let i = 0; i < data.length / 4; i++) {
    const colours = data.subarray(4 * i, 4 * i + 3);
    if (channels === 1) values[i] = luminance(colours);
    else values.set(colours, 3 * i);
  }
  return { values, height: canvas.height, width: canvas.width, channels };
}

// --- marks of ink: sloy/data/handwriting/sample.py ------------------------------------------------

const FINE = 8, // pixels for each of the sample's while strokes are measured and changed
  THIN = 1.7,
  THICK = 3.6;

const maskOf = (height, width, inside) => ({ height, width, channels: 1, values: inside });

/** The box of a mask (0 or 1) that holds all of it; null where nothing is. */
function cutMask({ values, height, width }) {
  let [top, bottom, left, right] = [height, -1, width, -1];
  for (let r = 0; r < height; r++)
    for (let s = 0; s < width; s++)
      if (values[r * width + s]) {
        top = Math.min(top, r);
        bottom = r;
        left = Math.min(left, s);
        right = Math.max(right, s);
      }
  if (bottom < 0) return null;
  return cropped({ values, width, channels: 1 }, top, left, bottom - top + 1, right - left + 1);
}

function fitted(mask, side) {
  const scale = side / Math.max(mask.height, mask.width);
  const size = [mask.height, mask.width].map((n) => Math.max(1, roundEven(n * scale)));
  const whole = { ...mask, values: mask.values.map((one) => (one ? 255 : 0)) };
  const made = resizedTo(whole, ...size, scale > 1 ? "bicubic" : "box");
  return { ...made, values: made.values.map((one) => Number(one > 127)) };
}

/** Halves to the even number, as Python rounds. */
function roundEven(x) {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (floor % 2) : Math.round(x);
}

/** The mean width of the strokes: twice the area by the length of the edge. */
function strokeWidth({ values, height, width }) {
  let area = 0,
    edge = 0;
  const at = (r, s) => (r < 0 || s < 0 || r >= height || s >= width ? 0 : values[r * width + s]);
  for (let r = 0; r <= height; r++)
    for (let s = 0; s <= width; s++) {
      if (s < width) edge += at(r, s) !== at(r - 1, s);
      if (r < height) edge += at(r, s) !== at(r, s - 1);
      area += at(r, s);
    }
  return (2 * area) / Math.max(1, (edge * Math.PI) / 4);
}

/** A mask and all within `radius` pixels of it; of a negative radius what is farther than that within. */
function grownMask(mask, radius) {
  const { values, height, width } = mask;
  if (radius < 0) {
    const other = grownMask({ ...mask, values: values.map((one) => 1 - one) }, -radius);
    return { ...mask, values: other.values.map((one) => 1 - one) };
  }
  const reach = Math.floor(radius),
    found = new Uint8Array(values.length);
  for (let down = -reach; down <= reach; down++) {
    const across = Math.floor(Math.sqrt(radius ** 2 - down ** 2));
    for (let r = 0; r < height; r++) {
      const from = r + down;
      if (from < 0 || from >= height) continue;
      for (let s = 0, last = -Infinity, next = 0; s < width; s++) {
        while (next < width && next <= s + across) {
          if (values[from * width + next]) last = next;
          next++;
        }
        if (last >= s - across) found[r * width + s] = 1;
      }
    }
  }
  return { ...mask, values: found };
}

/** A mark as a sample of MNIST's kind, bytes (H, W), ink 255 on 0; null where there is no ink. */
function sampleOfMark(whole, size, box) {
  const mask = cutMask(whole);
  if (!mask) return null;
  let fine = fitted(mask, box * FINE);
  const width = strokeWidth(fine) / FINE,
    wanted = Math.min(Math.max(width, THIN), THICK);
  if (Math.abs(wanted - width) > 0.15) {
    const margin = 2 * FINE,
      room = maskOf(
        fine.height + 2 * margin,
        fine.width + 2 * margin,
        new Uint8Array((fine.height + 2 * margin) * (fine.width + 2 * margin)),
      );
    for (let r = 0; r < fine.height; r++)
      room.values.set(
        fine.values.subarray(r * fine.width, (r + 1) * fine.width),
        (r + margin) * room.width + margin,
      );
    const changed = cutMask(grownMask(room, ((wanted - width) * FINE) / 2));
    if (changed) fine = fitted(changed, box * FINE);
  }
  return placedMark(averagedMark(fine), size);
}

/** Squares of FINE × FINE pixels as greys. */
function averagedMark({ values, height, width }) {
  const rows = Math.ceil(height / FINE),
    columns = Math.ceil(width / FINE);
  const top = Math.floor((rows * FINE - height) / 2),
    left = Math.floor((columns * FINE - width) / 2);
  const sums = new Float64Array(rows * columns);
  for (let r = 0; r < height; r++)
    for (let s = 0; s < width; s++)
      sums[Math.floor((r + top) / FINE) * columns + Math.floor((s + left) / FINE)] += values[r * width + s];
  return { values: sums.map((sum) => roundEven((255 * sum) / FINE ** 2)), height: rows, width: columns };
}

/** With its centre of mass at the middle pixel, as far as it stays whole. */
function placedMark({ values, height, width }, [rows, columns]) {
  const along = [new Float64Array(height), new Float64Array(width)];
  let mass = 0;
  values.forEach((value, i) => {
    along[0][Math.floor(i / width)] += value;
    along[1][i % width] += value;
    mass += value;
  });
  const corner = [rows, columns].map((extent, axis) => {
    const centre = along[axis].reduce((total, value, i) => total + value * (i + 0.5), 0) / Math.max(mass, 1);
    const first = roundEven(Math.floor(extent / 2) + 0.5 - centre);
    return Math.min(Math.max(0, first), extent - along[axis].length);
  });
  const out = new Uint8Array(rows * columns);
  for (let r = 0; r < height; r++)
    for (let s = 0; s < width; s++)
      out[(corner[0] + r) * columns + corner[1] + s] = values[r * width + s];
  return out;
}

/** Where a plain drawing has ink: what differs from the ground of its border by more than half of what any does. */
function inkOfDrawing({ values, height, width }) {
  const border = [];
  for (let s = 0; s < width; s++) border.push(values[s], values[(height - 1) * width + s]);
  for (let r = 0; r < height; r++) border.push(values[r * width], values[(r + 1) * width - 1]);
  const ground = border.sort((a, b) => a - b)[border.length >> 1];
  const away = Float32Array.from(values, (value) => Math.abs(value - ground));
  const most = away.reduce((a, b) => Math.max(a, b), 0);
  return maskOf(height, width, Uint8Array.from(away, (one) => Number(most > 15 && one > most / 2)));
}
