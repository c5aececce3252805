// Pooling is separable: rows of the window first, over whole contiguous lines of W·C floats, then
// columns. So the inner loops are long whatever the number of channels.
#include "kernels/simd/pooling.h"

#include "kernels/simd/average_grad.h"
#include "kernels/simd/bfloat16.h"
#include "kernels/simd/maximum.h"

namespace sloy::SLOY_ISA {
namespace {

using Index = std::int64_t;

Index at_least(Index value, Index bound) { return value < bound ? bound : value; }
Index at_most(Index value, Index bound) { return value > bound ? bound : value; }

// The taps [begin, end) of a window along one axis that lie inside the image, and where its tap 0
// lies.
struct Taps {
  Index start, begin, end;
};

Taps taps_of(Index output, Index stride, Index before, Index window, Index size) {
  const Index start = output * stride - before;
  return {start, at_least(-start, 0), at_most(size - start, window)};
}

// The outputs [begin, end) whose windows cover input position `input`.
struct Cover {
  Index begin, end;
};

Cover cover_of(Index input, Index stride, Index before, Index window, Index outputs) {
  const Index from = input + before - window + 1;  // the first start that still reaches `input`
  return {from <= 0 ? 0 : (from + stride - 1) / stride,
          at_most((input + before) / stride + 1, outputs)};
}

void add_scaled_into(float* __restrict to, const float* __restrict from, float scale, Index size) {
  for (Index i = 0; i < size; ++i) to[i] += from[i] * scale;
}

template <class T>
void copy(T* __restrict to, const T* __restrict from, Index size) {
  for (Index i = 0; i < size; ++i) to[i] = from[i];
}

template <class T>
void fill(T* to, float value, Index size) {
  T element;
  assign(element, value);
  for (Index i = 0; i < size; ++i) to[i] = element;
}

struct Maximum {
  static Float apply(Float a, Float b) { return greater<Float>(a, b); }
  static float apply(float a, float b) { return greater<float>(a, b); }
};
struct Sum {
  static Float apply(Float a, Float b) { return a + b; }
  static float apply(float a, float b) { return a + b; }
};

template <class Op, class T>
void combine_into(T* __restrict to, const T* __restrict from, Index size) {
  Index i = 0;
  for (; i + lanes <= size; i += lanes) {
    store_float(to + i, Op::apply(load_float(to + i), load_float(from + i)));
  }
  for (; i < size; ++i) assign(to[i], Op::apply(as_float(to[i]), as_float(from[i])));
}

// line (W C): the lines `rows` of an image combined.
template <class Op, class T>
void combine_rows(T* line, const T* image, Taps rows, float start, Index width) {
  if (rows.begin >= rows.end) {
    fill(line, start, width);
    return;
  }
  copy(line, image + (rows.start + rows.begin) * width, width);
  for (Index kh = rows.begin + 1; kh < rows.end; ++kh) {
    combine_into<Op>(line, image + (rows.start + kh) * width, width);
  }
}

// out (C) of output column ow: the pixels `columns` of the line combined, times `scale`. Whole
// registers wherever they end within line and row: what is too much of a pixel, the next one
// overwrites.
template <class Op, class T>
void combine_columns(T* row, const T* line, Index ow, Taps columns, float start, float scale,
                     const PoolShape& s) {
  T* out = row + ow * s.c;
  const T* first = line + (columns.start + columns.begin) * s.c;
  const Index count = columns.end - columns.begin;
  const Index room_out = (s.ow - ow) * s.c;
  const Index room_in = (s.w - columns.start - columns.end + 1) * s.c;
  const Index room = at_most(room_out, room_in);
  Index c = 0;
  if (count > 0) {
    for (; c < s.c && c + lanes <= room; c += lanes) {
      Float value = load_float(first + c);
      for (Index kw = 1; kw < count; ++kw) {
        value = Op::apply(value, load_float(first + kw * s.c + c));
      }
      store_float(out + c, value * scale);
    }
  }
  for (; c < s.c; ++c) {
    float value = count > 0 ? as_float(first[c]) : start;
    for (Index kw = 1; kw < count; ++kw) value = Op::apply(value, as_float(first[kw * s.c + c]));
    assign(out[c], value * scale);
  }
}

// How many channels of output column ow come in whole registers, where those of fewer channels than
// a register has may reach into the next pixel, which is written later.
Index channels_in_registers(Index ow, const PoolShape& s) {
  if (s.c >= lanes) return s.c - s.c % lanes;
  return at_most((s.ow - ow) * s.c, (s.w - 2 * ow - 1) * s.c) >= lanes ? s.c : 0;
}

// Of many channels, whole lines are faster: 24 x 24 x 64, 128 images, 1.3 ms beside 1.9 ms in
// tiles; of 32 channels, 0.36 beside 0.24 ms.
bool in_one_pass(const PoolShape& s) { return s.tiles() && s.c <= 32; }

// out: at most a register of channels of the tile at `above`, combined in the order of any other
// windows.
template <class Op, class T>
inline void combine_tile(T* out, const T* above, const T* below, Index channels, float scale) {
  const Float left = Op::apply(load_float(above), load_float(below));
  const Float right = Op::apply(load_float(above + channels), load_float(below + channels));
  store_float(out, Op::apply(left, right) * scale);
}

// `tiles` in one pass.
template <class Op, class T>
void combine_tiles(T* y, const T* x, float scale, const PoolShape& s, Index begin, Index end) {
  const Index width = s.w * s.c;
  Index narrow = 0;  // the tiles of a line that fit into a register
  while (s.c < lanes && narrow < s.ow && channels_in_registers(narrow, s) > 0) ++narrow;
  for (Index row = begin; row < end; ++row) {
    const T* line = x + 2 * row * width;
    T* to = y + row * s.ow * s.c;
    for (Index ow = 0; ow < narrow; ++ow, line += 2 * s.c, to += s.c) {
      combine_tile<Op>(to, line, line + width, s.c, scale);
    }
    for (Index ow = narrow; ow < s.ow; ++ow, line += 2 * s.c, to += s.c) {
      const T *above = line, *below = line + width;
      const Index whole = channels_in_registers(ow, s);
      Index c = 0;
      for (; c < whole; c += lanes) {
        combine_tile<Op>(to + c, above + c, below + c, s.c, scale);
      }
      for (; c < s.c; ++c) {
        const float left = Op::apply(as_float(above[c]), as_float(below[c]));
        const float right = Op::apply(as_float(above[s.c + c]), as_float(below[s.c + c]));
        assign(to[c], Op::apply(left, right) * scale);
      }
    }
  }
}

template <class T>
void max(T* y, const T* x, T* line, const PoolShape& s, Index begin, Index end) {
  if (in_one_pass(s)) return combine_tiles<Maximum>(y, x, 1.0f, s, begin, end);
  const Index width = s.w * s.c;
  for (Index row = begin; row < end; ++row) {
    const Taps rows = taps_of(row % s.oh, s.stride_h, s.top, s.window_h, s.h);
    combine_rows<Maximum>(line, x + row / s.oh * s.h * width, rows, -__builtin_inff(), width);
    for (Index ow = 0; ow < s.ow; ++ow) {
      const Taps columns = taps_of(ow, s.stride_w, s.left, s.window_w, s.w);
      combine_columns<Maximum>(y + row * s.ow * s.c, line, ow, columns, -__builtin_inff(), 1.0f, s);
    }
  }
}

void average(float* y, const float* x, float* line, const PoolShape& s, Index begin, Index end) {
  if (in_one_pass(s)) return combine_tiles<Sum>(y, x, 0.25f, s, begin, end);
  const Index width = s.w * s.c;
  for (Index row = begin; row < end; ++row) {
    const Taps rows = taps_of(row % s.oh, s.stride_h, s.top, s.window_h, s.h);
    combine_rows<Sum>(line, x + row / s.oh * s.h * width, rows, 0.0f, width);
    for (Index ow = 0; ow < s.ow; ++ow) {
      const Taps columns = taps_of(ow, s.stride_w, s.left, s.window_w, s.w);
      const Index counted = s.count_padding
                                ? s.window_h * s.window_w
                                : (rows.end - rows.begin) * (columns.end - columns.begin);
      combine_columns<Sum>(y + row * s.ow * s.c, line, ow, columns, 0.0f,
                           1.0f / static_cast<float>(counted), s);
    }
  }
}

void average_grad_tiles(float* dx, const float* g, const float* y, float* work, const PoolShape& s,
                        Index begin, Index end) {
  const AverageGrad grad(work, s.ow, s.c);
  const Index from = begin * s.ow * s.c;  // of g
  if (y == nullptr) {
    grad.spread_lines<Activation::none>(dx + 4 * from, g + from, nullptr, end - begin);
  } else {
    grad.spread_lines<Activation::tanh>(dx + 4 * from, g + from, y + 4 * from, end - begin);
  }
}

// out (W, C): each pixel of line (OW, C), scaled, `window_w` times. Of fewer channels than a
// register has, what is too much the next pixel overwrites.
void repeat_pixels(float* out, const float* line, float scale, const PoolShape& s) {
  for (Index ow = 0; ow < s.ow; ++ow) {
    const float* from = line + ow * s.c;
    for (Index kw = 0; kw < s.window_w; ++kw) {
      const Index w = ow * s.window_w + kw;
      const Index room = at_most(s.ow - ow, s.w - w) * s.c;
      float* to = out + w * s.c;
      Index c = 0;
      for (; c < s.c && c + lanes <= room; c += lanes) {
        store<Float>(to + c, load<Float>(from + c) * scale);
      }
      for (; c < s.c; ++c) to[c] = from[c] * scale;
    }
  }
}

void average_grad(float* dx, const float* g, float* line, const PoolShape& s, Index begin,
                  Index end) {
  const Index width = s.ow * s.c;
  const bool tiles_rows = s.top == 0 && s.stride_h == s.window_h;
  for (Index row = begin; row < end; ++row) {
    float* out = dx + row * s.w * s.c;
    const Index h = row % s.h;
    if (tiles_rows && row > begin && h % s.window_h != 0 && h < s.oh * s.window_h) {
      copy(out, out - s.w * s.c, s.w * s.c);  // the same windows
      continue;
    }
    const float* image = g + row / s.h * s.oh * width;
    const Cover covers = cover_of(h, s.stride_h, s.top, s.window_h, s.oh);
    fill(line, 0.0f, width);
    for (Index oh = covers.begin; oh < covers.end; ++oh) {
      const Taps rows = taps_of(oh, s.stride_h, s.top, s.window_h, s.h);
      const Index counted = s.count_padding ? s.window_h : rows.end - rows.begin;
      add_scaled_into(line, image + oh * width, 1.0f / static_cast<float>(counted), width);
    }
    if (s.left == 0 && s.stride_w == s.window_w && s.ow * s.window_w == s.w) {
      repeat_pixels(out, line, 1.0f / static_cast<float>(s.window_w), s);
      continue;
    }
    fill(out, 0.0f, s.w * s.c);
    for (Index ow = 0; ow < s.ow; ++ow) {
      const Taps columns = taps_of(ow, s.stride_w, s.left, s.window_w, s.w);
      const Index counted = s.count_padding ? s.window_w : columns.end - columns.begin;
      for (Index kw = columns.begin; kw < columns.end; ++kw) {
        add_scaled_into(out + (columns.start + kw) * s.c, line + ow * s.c,
                        1.0f / static_cast<float>(counted), s.c);
      }
    }
  }
}

// One window's four gradients. `open`: nobody before was the maximum.
struct Four {
  Float at[4];
};

Four split_gradient(Float x0, Float x1, Float x2, Float x3, Float y, Float g) {
  const FirstMaximum first = first_maximum_of(x0, x1, x2, x3, y);
  return {{from_bits(bits(g) & first.at[0]), from_bits(bits(g) & first.at[1]),
           from_bits(bits(g) & first.at[2]), from_bits(bits(g) & first.at[3])}};
}

template <class T>
void max_grad_tiles(T* dx, const T* x, const T* y, const T* g, const PoolShape& s, Index begin,
                    Index end) {
  const Index width = s.w * s.c;
  for (Index row = begin; row < end; ++row) {
    const Index above = 2 * row * width;  // N·H = 2 N·OH rows
    const Index below = above + width;
    for (Index ow = 0; ow < s.ow; ++ow) {
      const Index out = (row * s.ow + ow) * s.c;
      const Index places[4] = {above + 2 * ow * s.c, above + (2 * ow + 1) * s.c,
                               below + 2 * ow * s.c, below + (2 * ow + 1) * s.c};
      const Index whole = channels_in_registers(ow, s);
      Index c = 0;
      for (; c < whole; c += lanes) {
        const Float top = load_float(y + out + c);
        Float grad = load_float(g + out + c);
        if (s.relu) grad = from_bits(bits(grad) & (top > 0.0f));
        const Four parts =
            split_gradient(load_float(x + places[0] + c), load_float(x + places[1] + c),
                           load_float(x + places[2] + c), load_float(x + places[3] + c), top, grad);
        for (int k = 0; k < 4; ++k) store_float(dx + places[k] + c, parts.at[k]);
      }
      for (; c < s.c; ++c) {
        const float top = as_float(y[out + c]);
        const float grad = s.relu && !(top > 0.0f) ? 0.0f : as_float(g[out + c]);
        bool open = true;
        for (const Index place : places) {
          const float value = as_float(x[place + c]);
          const bool first = open && (value == top || value != value);
          assign(dx[place + c], first ? grad : 0.0f);
          open = open && !first;
        }
      }
    }
  }
}

template <class T>
void first_maximum(std::int32_t* first, const T* x, const T* y, const PoolShape& s, Index begin,
                   Index end) {
  for (Index row = begin; row < end; ++row) {
    const T* image = x + row / s.oh * s.h * s.w * s.c;
    const Taps rows = taps_of(row % s.oh, s.stride_h, s.top, s.window_h, s.h);
    for (Index ow = 0; ow < s.ow; ++ow) {
      const Taps columns = taps_of(ow, s.stride_w, s.left, s.window_w, s.w);
      const T* __restrict top = y + (row * s.ow + ow) * s.c;
      std::int32_t* __restrict tap = first + (row * s.ow + ow) * s.c;
      for (Index c = 0; c < s.c; ++c) tap[c] = -1;
      for (Index kh = rows.end - 1; kh >= rows.begin; --kh) {  // the last to write is the first tap
        for (Index kw = columns.end - 1; kw >= columns.begin; --kw) {
          const T* __restrict in = image + ((rows.start + kh) * s.w + columns.start + kw) * s.c;
          const auto number = static_cast<std::int32_t>(kh * s.window_w + kw);
          for (Index c = 0; c < s.c; ++c) {
            const float value = as_float(in[c]);
            tap[c] = (value == as_float(top[c])) | (value != value) ? number : tap[c];
          }
        }
      }
    }
  }
}

template <class T>
void max_grad(T* dx, const std::int32_t* first, const T* y, const T* g, const PoolShape& s,
              Index begin, Index end) {
  for (Index row = begin; row < end; ++row) {
    const Index h = row % s.h;
    const Index image = row / s.h * s.oh * s.ow * s.c;
    const Cover covers = cover_of(h, s.stride_h, s.top, s.window_h, s.oh);
    T* out = dx + row * s.w * s.c;
    fill(out, 0.0f, s.w * s.c);
    for (Index oh = covers.begin; oh < covers.end; ++oh) {
      const Index kh = h - (oh * s.stride_h - s.top);
      for (Index ow = 0; ow < s.ow; ++ow) {
        const Taps columns = taps_of(ow, s.stride_w, s.left, s.window_w, s.w);
        const Index from = image + (oh * s.ow + ow) * s.c;
        for (Index kw = columns.begin; kw < columns.end; ++kw) {
          T* __restrict to = out + (columns.start + kw) * s.c;
          const auto number = static_cast<std::int32_t>(kh * s.window_w + kw);
          const std::int32_t* __restrict tap = first + from;
          const T* __restrict grad = g + from;
          const T* __restrict top = y + from;
          for (Index c = 0; c < s.c; ++c) {
            const bool takes = (tap[c] == number) & (!s.relu | (as_float(top[c]) > 0.0f));
            assign(to[c], as_float(to[c]) + (takes ? as_float(grad[c]) : 0.0f));
          }
        }
      }
    }
  }
}

}  // namespace

PoolKernels pool_kernels() {
  return {{max<float>, max_grad_tiles<float>, first_maximum<float>, max_grad<float>},
          {max<Half>, max_grad_tiles<Half>, first_maximum<Half>, max_grad<Half>},
          average,
          average_grad,
          average_grad_tiles};
}

}  // namespace sloy::SLOY_ISA
