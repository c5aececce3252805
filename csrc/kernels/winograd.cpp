#include "kernels/winograd.h"

#include <algorithm>
#include <string_view>

#include "core/parallel.h"
#include "kernels/pick_isa.h"
#include "kernels/product_form.h"
#include "kernels/simd/winograd.h"

namespace sloy {
namespace {

constexpr std::int64_t largest_weights = 16 * 512 * 512;  // floats transformed: 16 MiB
constexpr std::int64_t channel_unit = 8;                  // of AVX2's registers
constexpr std::int64_t fewest_channels = 16;  // of fewer, the transforms outweigh the products
constexpr std::int64_t fewest_outputs = 64;   // pixels

bool suits_winograd(const ConvolutionShape& s) {
  const auto within = [](std::int64_t padding) { return padding >= 0 && padding <= 2; };
  return s.factors == DType::float32 && s.kh == 3 && s.kw == 3 && s.stride[0] == 1 &&
         s.stride[1] == 1 && s.dilation[0] == 1 && s.dilation[1] == 1 && s.groups == 1 &&
         s.c % channel_unit == 0 && s.o % channel_unit == 0 &&
         std::min(s.c, s.o) >= fewest_channels && s.n * s.oh * s.ow >= fewest_outputs &&
         s.oh >= 2 && s.ow >= 2 && 16 * s.c * s.o <= largest_weights &&
         std::all_of(s.padding.begin(), s.padding.end(), within) &&
         std::string_view(simd::table().name) != "baseline";  // no fused multiply-add there
}

// Tiles that are transformed before they are multiplied. They should stay in a second-level cache;
// but transformed weights that do not are read from a farther one for every block, so that fewer
// blocks take less time: 256 channels and 56 × 56 pixels on one thread 36 ms in blocks of 24, 28 in
// blocks of 96 (oneDNN's direct method: 46).
std::int64_t block_of(const WinogradShape& s, int threads) {
  constexpr std::int64_t near_floats = 512 * 1024, least = 6, least_far = 48, most = 96;
  if (s.weight_floats() <= near_floats) {
    const std::int64_t size = std::clamp(8192 / (s.c + s.o) / 6 * 6, 4 * least, most);
    if (threads == 1) return size;
    const std::int64_t fair = s.tiles() / (2 * threads * least) * least;  // a share is two blocks
    return std::clamp(fair, 2 * least, size);
  }
  if (threads == 1) return most;
  const std::int64_t size = std::clamp(s.tiles() / (4 * threads), least_far, most);
  const std::int64_t rounds = (s.tiles() + size * threads - 1) / (size * threads);
  return (s.tiles() + rounds * threads - 1) / (rounds * threads);  // as many for each thread
}

WinogradShape with_block(WinogradShape s, int threads) {
  s.block = block_of(s, threads);
  return s;
}

WinogradShape forward_shape(const ConvolutionShape& s, int threads) {
  return with_block(
      {s.n, s.h, s.w, s.c, s.oh, s.ow, s.o, s.padding[0], s.padding[2], 0, s.form.pooled}, threads);
}

// dx is the convolution of g with the turned weights, padded by what the window reaches beyond.
WinogradShape input_grad_shape(const ConvolutionShape& s, int threads) {
  return with_block({s.n, s.oh, s.ow, s.o, s.h, s.w, s.c, 2 - s.padding[0], 2 - s.padding[2], 0},
                    threads);
}

bool has_whole_registers(const WinogradShape& s) {  // of AVX-512
  return s.c % 16 == 0 && s.o % 16 == 0;
}

WinogradKernels kernels_for(const WinogradShape& s) {
  return has_whole_registers(s) ? SLOY_PICK_VECTOR_ISA(winograd_kernels)()
                                : SLOY_AVX2(winograd_kernels)();
}

// Whether the outputs fill most of the tiles, or the direct method is slow anyway. Of 24 channels
// and 7 × 7 pixels, which fill three quarters, the input gradient takes 94 us directly, 122 in
// tiles; of 32 channels and 3 × 3 pixels, 146 and 114.
bool fills_tiles(const WinogradShape& s) {
  return has_whole_registers(s) || 5 * s.n * s.oh * s.ow >= 16 * s.tiles();
}

// For every number of images, so that a batch that suits does so in pieces too.
bool suits_pooled(const ConvolutionShape& s) {
  return suits_winograd(s) && s.oh % 2 == 0 && s.ow % 2 == 0 && s.oh * s.ow >= fewest_outputs &&
         fills_tiles(input_grad_shape(s, 1));
}

std::size_t bytes(std::int64_t floats) { return static_cast<std::size_t>(floats) * sizeof(float); }

const float* floats(const void* address) { return static_cast<const float*>(address); }
const std::uint8_t* places(const void* address) {
  return static_cast<const std::uint8_t*>(address);
}

// Scratch: transformed weights, then each thread's working memory.
class WinogradForward : public Kernel {
 public:
  WinogradForward(const WinogradShape& shape, const Options& options)
      : shape_(shape), threads_(options.threads), kernels_(kernels_for(shape)) {}

  std::size_t scratch_bytes() const override {
    return bytes(shape_.weight_floats() + threads_ * shape_.work_floats());
  }
  bool any_threads() const override { return true; }
  void bind(const Addresses& addresses) override { addresses_ = addresses; }

 protected:
  using TransformWeights = decltype(WinogradKernels::transform_weights);
  static constexpr std::int64_t worth_a_barrier = 1 << 14;  // floats transformed
  static constexpr std::int64_t channels_together = 16;

  void convolve(WinogradImage x, TransformWeights transform_weights, const Ending& ending,
                const float* gate) {
    auto* y = static_cast<float*>(addresses_.outputs[0]);
    auto* maxima =
        addresses_.outputs.size() > 1 ? static_cast<std::uint8_t*>(addresses_.outputs[1]) : nullptr;
    auto* u = static_cast<float*>(addresses_.scratch);
    float* work = u + shape_.weight_floats();
    const float* w = floats(addresses_.inputs[1]);
    const std::int64_t serial_below = worth_a_barrier / (16 * shape_.o) + 1;
    parallel_for(threads_, shape_.c, serial_below, channels_together, [&](int, Range channels) {
      transform_weights(u, w, shape_, channels.begin, channels.end);
    });
    parallel_for(threads_, shape_.tiles(), 16, shape_.block, [&](int thread, Range tiles) {
      kernels_.forward(y, maxima, x, u, ending, gate, work + thread * shape_.work_floats(), shape_,
                       tiles.begin, tiles.end);
    });
  }

  WinogradShape shape_;
  int threads_;
  WinogradKernels kernels_;
  Addresses addresses_;
};

class WinogradConvolution final : public WinogradForward {
 public:
  WinogradConvolution(const ConvolutionShape& s, const Options& options)
      : WinogradForward(forward_shape(s, options.threads), options),
        form_(product_form_of(s.form)) {}

  void run() override {
    convolve({floats(addresses_.inputs[0])}, kernels_.transform_weights,
             ending_of(form_, addresses_.inputs), nullptr);
  }

 private:
  ProductForm form_;
};

// With the places of a max-pooling as the third input, and a gate as the last, where there are
// such.
class WinogradInputGrad final : public WinogradForward {
 public:
  WinogradInputGrad(const ConvolutionShape& s, const Options& options)
      : WinogradForward(input_grad_shape(s, options.threads), options),
        pooled_(s.form.pooled),
        gated_(s.form.gated) {}

  void run() override {
    WinogradImage g{floats(addresses_.inputs[0])};
    if (pooled_) g.places = places(addresses_.inputs[2]);
    convolve(g, kernels_.transform_turned_weights, Ending{},
             gated_ ? floats(addresses_.inputs.back()) : nullptr);
  }

 private:
  bool pooled_, gated_;
};

// With a third input, the places of a max-pooling. Scratch: du (16, C, O) and db (O,) for each part
// of the tiles, summed in order; then each thread's working memory.
class WinogradWeightGrad final : public Kernel {
 public:
  WinogradWeightGrad(const ConvolutionShape& s, const Options& options)
      : shape_(forward_shape(s, options.threads)),
        bias_(s.form.bias),
        threads_(options.threads),
        parts_(parts_of(shape_, options.threads)),
        kernels_(kernels_for(shape_)) {}

  std::size_t scratch_bytes() const override {
    return bytes(parts_ * part_floats() + threads_ * shape_.work_floats());
  }
  void bind(const Addresses& addresses) override { addresses_ = addresses; }

  void run() override {
    const float* x = floats(addresses_.inputs[0]);
    WinogradImage g{floats(addresses_.inputs[1])};
    if (addresses_.inputs.size() > 2) g.places = places(addresses_.inputs[2]);
    auto* dw = static_cast<float*>(addresses_.outputs[0]);
    auto* parts = static_cast<float*>(addresses_.scratch);
    float* work = parts + parts_ * part_floats();
    for_each_part(threads_, parts_, shape_.tiles(), shape_.block,
                  [&](int thread, int part, Range tiles) {
                    float* du = parts + part * part_floats();
                    float* db = bias_ ? du + shape_.weight_floats() : nullptr;
                    kernels_.weight_grad(du, db, x, g, work + thread * shape_.work_floats(), shape_,
                                         tiles.begin, tiles.end);
                  });
    parallel_for(threads_, shape_.c, 0, 1, [&](int, Range channels) {
      kernels_.finish_weight_grad(dw, parts, parts_, part_floats(), shape_, channels.begin,
                                  channels.end);
    });
    if (bias_) sum_bias(static_cast<float*>(addresses_.outputs[1]), parts + shape_.weight_floats());
  }

 private:
  // As many as fit into some memory, at least one for each thread.
  static int parts_of(const WinogradShape& s, int threads) {
    constexpr std::int64_t most_floats = 8 << 20;
    const int parts = parts_for(threads, s.tiles() / s.block);
    const auto fitting = static_cast<int>(most_floats / s.weight_floats());
    return std::min(parts, std::max(threads, fitting));
  }
  std::int64_t part_floats() const { return shape_.weight_floats() + (shape_.o + 15) / 16 * 16; }

  void sum_bias(float* db, const float* parts) const {
    for (std::int64_t o = 0; o < shape_.o; ++o) {
      float sum = 0.0f;
      for (int part = 0; part < parts_; ++part) sum += parts[part * part_floats() + o];
      db[o] = sum;
    }
  }

  WinogradShape shape_;
  bool bias_;
  int threads_, parts_;
  WinogradKernels kernels_;
  Addresses addresses_;
};

}  // namespace

std::unique_ptr<Kernel> make_winograd_convolution(const ConvolutionShape& s,
                                                  const Options& options) {
  if (s.form.pooled ? !suits_pooled(s) : !suits_winograd(s) || !fills_tiles(forward_shape(s, 1))) {
    return nullptr;
  }
  return std::make_unique<WinogradConvolution>(s, options);
}

std::unique_ptr<Kernel> make_winograd_input_grad(const ConvolutionShape& s,
                                                 const Options& options) {
  if (s.form.pooled ? !suits_pooled(s)
                    : !suits_winograd(s) || !fills_tiles(input_grad_shape(s, 1))) {
    return nullptr;
  }
  return std::make_unique<WinogradInputGrad>(s, options);
}

std::unique_ptr<Kernel> make_winograd_weight_grad(const ConvolutionShape& s,
                                                  const Options& options) {
  if (s.form.averaged || (s.form.pooled ? !suits_pooled(s) : !suits_winograd(s))) return nullptr;
  return std::make_unique<WinogradWeightGrad>(s, options);
}

}  // namespace sloy
