/* Three kernels for browsers: float32, SIMD of 128 bits, no library. tools/build_wasm.sh makes kernels.wasm of them.

   Pictures are (H, W, C), weights (KH, KW, C, O); stride, padding and dilation as in sloy's conv2d. A window's taps
   outside of the picture count as 0. Letters: k, l tap; a, b its pixel; r, s place of the result. */

#include <wasm_simd128.h>

typedef float v4 __attribute__((vector_size(16), aligned(4)));

#define EXPORT(name) __attribute__((export_name(#name))) void name

static inline v4 splat(float x) { return (v4){x, x, x, x}; }

/* y (rows, columns) = x (rows, inner) · w (inner, columns) */
EXPORT(product)(const float *x, const float *w, float *y, int rows, int inner, int columns)
{
    for (int i = 0; i < rows; ++i, x += inner, y += columns) {
        int j = 0;
        for (; j + 16 <= columns; j += 16) {
            v4 p = splat(0), q = p, r = p, s = p;
            const float *at = w + j;
            for (int k = 0; k < inner; ++k, at += columns) {
                const v4 v = splat(x[k]);
                p += v * ((const v4 *)at)[0];
                q += v * ((const v4 *)at)[1];
                r += v * ((const v4 *)at)[2];
                s += v * ((const v4 *)at)[3];
            }
            v4 *there = (v4 *)(y + j);
            there[0] = p, there[1] = q, there[2] = r, there[3] = s;
        }
        for (; j < columns; ++j) {
            float total = 0;
            for (int k = 0; k < inner; ++k) total += x[k] * w[k * columns + j];
            y[j] = total;
        }
    }
}

/* One output pixel, or `pixels` of 4 side by side: y (pixels, O) from o on, 8 channels. x and y are of the first. */
static inline void block(const float *x, const float *w, float *y, int step, int channels, int outputs, int taps,
                         int across, int next, int row_weights, int rows, int below, int pixels)
{
    v4 p[4][2];
    for (int n = 0; n < 4; ++n) p[n][0] = p[n][1] = splat(0);
    for (int k = 0; k < rows; ++k, x += below, w += row_weights) {
        const float *pixel = x, *at = w;
        for (int l = 0; l < taps; ++l, pixel += across) {
            for (int c = 0; c < channels; ++c, at += outputs) {
                const v4 first = ((const v4 *)at)[0], second = ((const v4 *)at)[1];
                for (int n = 0; n < pixels; ++n) {
                    const v4 v = splat(pixel[n * step + c]);
                    p[n][0] += v * first;
                    p[n][1] += v * second;
                }
            }
        }
    }
    for (int n = 0; n < pixels; ++n) {
        ((v4 *)(y + n * next))[0] = p[n][0];
        ((v4 *)(y + n * next))[1] = p[n][1];
    }
}

/* y (OH, OW, O) of x (H, W, C) and w (KH, KW, C, O) */
EXPORT(convolution)(const float *x, const float *w, float *y, int height, int width, int channels, int kh, int kw,
                    int rows, int columns, int outputs, int down, int along, int top, int left, int dh, int dw)
{
    const int taps = channels * outputs;
    for (int r = 0; r < rows; ++r) {
        int first = 0, last = kh; /* taps within the picture */
        while (first < kh && r * down + first * dh - top < 0) ++first;
        while (last > first && r * down + (last - 1) * dh - top >= height) --last;
        const int a = r * down + first * dh - top;
        for (int s = 0; s < columns;) {
            int begin = 0, end = kw;
            const int b = s * along - left;
            while (begin < kw && b + begin * dw < 0) ++begin;
            while (end > begin && b + (end - 1) * dw >= width) --end;
            const int whole = begin == 0 && s + 4 <= columns && b + 3 * along + (kw - 1) * dw < width;
            const float *pixel = x + (a * width + b + begin * dw) * channels;
            const float *weights = w + (first * kw + begin) * taps;
            float *there = y + (r * columns + s) * outputs;
            int o = 0;
            for (; o + 8 <= outputs; o += 8) {
                if (whole)
                    block(pixel, weights + o, there + o, along * channels, channels, outputs, kw, dw * channels,
                          outputs, kw * taps, last - first, dh * width * channels, 4);
                else
                    block(pixel, weights + o, there + o, 0, channels, outputs, end - begin, dw * channels,
                          outputs, kw * taps, last - first, dh * width * channels, 1);
            }
            const int pixels = whole ? 4 : 1;
            for (int n = 0; n < pixels && o < outputs; ++n)
                for (int q = o; q < outputs; ++q) {
                    float total = 0;
                    for (int k = first; k < last; ++k)
                        for (int l = begin; l < end; ++l) {
                            const float *from = pixel + n * along * channels
                                + ((k - first) * dh * width + (l - begin) * dw) * channels;
                            const float *by = weights + ((k - first) * kw + l - begin) * taps + q;
                            for (int c = 0; c < channels; ++c) total += from[c] * by[c * outputs];
                        }
                    there[n * outputs + q] = total;
                }
            s += pixels;
        }
    }
}

/* y (OH, OW, C) of x (H, W, C) and w (KH, KW, 1, C): each channel by itself */
EXPORT(depthwise)(const float *x, const float *w, float *y, int height, int width, int channels, int kh, int kw,
                  int rows, int columns, int down, int along, int top, int left, int dh, int dw)
{
    for (int r = 0; r < rows; ++r)
        for (int s = 0; s < columns; ++s, y += channels) {
            int c = 0;
            for (; c + 4 <= channels; c += 4) *(v4 *)(y + c) = splat(0);
            for (; c < channels; ++c) y[c] = 0;
            for (int k = 0; k < kh; ++k) {
                const int a = r * down + k * dh - top;
                if (a < 0 || a >= height) continue;
                for (int l = 0; l < kw; ++l) {
                    const int b = s * along + l * dw - left;
                    if (b < 0 || b >= width) continue;
                    const float *pixel = x + (a * width + b) * channels, *by = w + (k * kw + l) * channels;
                    for (c = 0; c + 4 <= channels; c += 4) *(v4 *)(y + c) += *(const v4 *)(pixel + c) * *(const v4 *)(by + c);
                    for (; c < channels; ++c) y[c] += pixel[c] * by[c];
                }
            }
        }
}
