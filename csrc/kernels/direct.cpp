#include "kernels/direct.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/parallel.h"
#include "kernels/pick_isa.h"
#include "kernels/product_form.h"
#include "kernels/simd/correlate.h"
#include "kernels/simd/direct.h"

namespace sloy {
namespace {

constexpr std::int64_t most_channels = 8;
constexpr std::int64_t most_outputs = 16;
constexpr std::int64_t direct_worth_a_barrier = 500'000;  // multiply-adds

DirectShape direct_shape(const ConvolutionShape& s) {
  return {s.n,          s.h,           s.w,          s.c,          s.kh,
          s.kw,         s.o,           s.oh,         s.ow,         s.stride[0],
          s.stride[1],  s.dilation[0], s.padding[0], s.padding[2], s.form.averaged,
          s.form.pooled};
}

// Of a weight gradient: outputs of eight and fewer fill half a register of AVX-512 at most.
DirectKernels gradient_kernels(const DirectShape& s) {
  const DirectKernels narrow = SLOY_AVX2(direct_kernels)();
  const DirectKernels wide = SLOY_PICK_VECTOR_ISA(direct_kernels)();
  return s.pooled || narrow.padded_outputs(s.o) < wide.padded_outputs(s.o) ? narrow : wide;
}

// Scratch: dw and db with padded outputs for each part of the images, summed in order; then each
// thread's working memory.
class DirectWeightGrad final : public Kernel {
 public:
  DirectWeightGrad(const DirectShape& shape, bool bias, const Options& options)
      : shape_(shape),
        bias_(bias),
        threads_(threads_for(shape, options.threads)),
        parts_(parts_for(threads_, shape.n)),
        kernels_(gradient_kernels(shape)),
        columns_(kernels_.padded_outputs(shape.o)) {}

  std::size_t scratch_bytes() const override {
    const std::int64_t floats = parts_ * part_floats() + threads_ * thread_floats();
    return static_cast<std::size_t>(floats) * sizeof(float);
  }
  void bind(const Addresses& addresses) override { addresses_ = addresses; }

  void run() override {
    const auto* x = static_cast<const float*>(addresses_.inputs[0]);
    DirectGradient g{static_cast<const float*>(addresses_.inputs[1])};
    if (shape_.averaged) g.averaged = static_cast<const float*>(addresses_.inputs[2]);
    if (shape_.pooled) g.places = static_cast<const std::uint8_t*>(addresses_.inputs[2]);
    auto* parts = static_cast<float*>(addresses_.scratch);
    float* work = parts + parts_ * part_floats();
    for_each_part(threads_, parts_, shape_.n, 1, [&](int thread, int part, Range images) {
      kernels_.weight_grad(parts + part * part_floats(), x, g, work + thread * thread_floats(),
                           shape_, images.begin, images.end);
    });
    sum_rows(static_cast<float*>(addresses_.outputs[0]), parts, shape_.depth());
    if (bias_) {
      sum_rows(static_cast<float*>(addresses_.outputs[1]), parts + shape_.depth() * columns_, 1);
    }
  }

 private:
  static int threads_for(const DirectShape& s, int threads) {
    return s.n * s.oh * s.ow * s.depth() * s.o < direct_worth_a_barrier ? 1 : threads;
  }
  std::int64_t part_floats() const { return aligned_floats((shape_.depth() + 1) * columns_); }
  std::int64_t thread_floats() const { return aligned_floats(kernels_.work_floats(shape_)); }

  void sum_rows(float* to, const float* parts, std::int64_t rows) const {
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t o = 0; o < shape_.o; ++o) {
        float sum = 0.0f;
        for (int p = 0; p < parts_; ++p) sum += parts[p * part_floats() + row * columns_ + o];
        to[row * shape_.o + o] = sum;
      }
    }
  }

  DirectShape shape_;
  bool bias_;
  int threads_, parts_;
  DirectKernels kernels_;
  std::int64_t columns_;
  Addresses addresses_;
};

// Images below which a second thread costs more than it saves.
std::int64_t serial_images(const DirectShape& s) {
  const std::int64_t of_image = s.oh * s.ow * s.depth() * s.o;
  return direct_worth_a_barrier / std::max<std::int64_t>(of_image, 1) + 2;
}

// Scratch: packed weights, then each thread's working memory.
class DirectConvolution final : public Kernel {
 public:
  DirectConvolution(const DirectShape& shape, bool bias, Activation activation,
                    const Options& options)
      : shape_(shape),
        bias_(bias),
        activation_(activation),
        threads_(options.threads),
        kernels_(shape.pooled && shape.o % 16 != 0 ? SLOY_AVX2(correlate_kernels)()
                                                   : SLOY_PICK_VECTOR_ISA(correlate_kernels)()) {}

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(weight_floats() + threads_ * thread_floats()) * sizeof(float);
  }
  bool any_threads() const override { return true; }
  void bind(const Addresses& addresses) override { addresses_ = addresses; }

  void run() override {
    const auto* x = static_cast<const float*>(addresses_.inputs[0]);
    const auto* w = static_cast<const float*>(addresses_.inputs[1]);
    const auto* bias = bias_ ? static_cast<const float*>(addresses_.inputs[2]) : nullptr;
    auto* y = static_cast<float*>(addresses_.outputs[0]);
    auto* places =
        addresses_.outputs.size() > 1 ? static_cast<std::uint8_t*>(addresses_.outputs[1]) : nullptr;
    auto* packed = static_cast<float*>(addresses_.scratch);
    auto* work = packed + weight_floats();
    kernels_.pack(packed, w, shape_);
    parallel_for(threads_, shape_.n, serial_images(shape_), 1, [&](int thread, Range images) {
      kernels_.correlate(y, places, x, packed, bias, activation_, work + thread * thread_floats(),
                         shape_, images.begin, images.end);
    });
  }

 private:
  std::int64_t weight_floats() const {
    return aligned_floats(shape_.depth() * kernels_.padded_outputs(shape_.o));
  }
  std::int64_t thread_floats() const { return aligned_floats(kernels_.work_floats(shape_)); }

  DirectShape shape_;
  bool bias_;
  Activation activation_;
  int threads_;
  CorrelateKernels kernels_;
  Addresses addresses_;
};

// Scratch: packed weights, then each thread's working memory.
class DirectInputGrad final : public Kernel {
 public:
  DirectInputGrad(const DirectShape& shape, const Options& options)
      : shape_(shape),
        threads_(options.threads),
        kernels_(SLOY_PICK_VECTOR_ISA(correlate_kernels)()) {}

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(weight_floats() + threads_ * thread_floats()) * sizeof(float);
  }
  bool any_threads() const override { return true; }
  void bind(const Addresses& addresses) override { addresses_ = addresses; }

  void run() override {
    const auto* g = static_cast<const float*>(addresses_.inputs[0]);
    const auto* w = static_cast<const float*>(addresses_.inputs[1]);
    auto* dx = static_cast<float*>(addresses_.outputs[0]);
    auto* packed = static_cast<float*>(addresses_.scratch);
    auto* work = packed + weight_floats();
    kernels_.pack_exchanged(packed, w, shape_);
    parallel_for(threads_, shape_.n, serial_images(shape_), 1, [&](int thread, Range images) {
      kernels_.gather(dx, g, packed, work + thread * thread_floats(), shape_, images.begin,
                      images.end);
    });
  }

 private:
  std::int64_t weight_floats() const {
    return aligned_floats(shape_.kh * shape_.o * kernels_.padded_taps(shape_));
  }
  std::int64_t thread_floats() const { return aligned_floats(kernels_.gather_work_floats(shape_)); }

  DirectShape shape_;
  int threads_;
  CorrelateKernels kernels_;
  Addresses addresses_;
};

bool is_plain(const ConvolutionShape& s) {
  const auto negative = [](std::int64_t padding) { return padding < 0; };
  return s.factors == DType::float32 && s.groups == 1 && s.dilation[1] == 1 &&
         std::none_of(s.padding.begin(), s.padding.end(), negative) &&
         std::string_view(simd::table().name) != "baseline";
}

// For every number of images and alike for both kernels. Registers of eight outputs are nearly
// full, a row of the window fits into three.
bool pooled_suits(const ConvolutionShape& s) {
  constexpr std::int64_t lanes = 8, most_taps_in_row = 3 * lanes;
  constexpr std::array<std::int64_t, 2> ones{1, 1};
  return is_plain(s) && s.stride == ones && s.dilation == ones && s.oh % 2 == 0 && s.ow % 2 == 0 &&
         s.c <= most_channels && s.kw * s.c <= most_taps_in_row &&
         4 * s.o >= 3 * ((s.o + lanes - 1) / lanes * lanes);
}

}  // namespace

std::unique_ptr<Kernel> make_direct_convolution(const ConvolutionShape& s, const Options& options) {
  const bool suits = is_plain(s) && s.c <= most_channels && s.o <= most_outputs;
  if (s.form.pooled ? !pooled_suits(s) : !suits || !s.form.is_plain()) return nullptr;
  return std::make_unique<DirectConvolution>(direct_shape(s), s.form.bias,
                                             activation_from(s.form.activation), options);
}

std::unique_ptr<Kernel> make_direct_input_grad(const ConvolutionShape& s, const Options& options) {
  const bool suits = is_plain(s) && s.c <= most_channels && s.o <= most_outputs;
  if (!suits || s.form.gated || s.form.pooled) return nullptr;
  return std::make_unique<DirectInputGrad>(direct_shape(s), options);
}

std::unique_ptr<Kernel> make_direct_weight_grad(const ConvolutionShape& s, const Options& options) {
  if (!is_plain(s)) return nullptr;
  const std::int64_t columns = gradient_kernels(direct_shape(s)).padded_outputs(s.o);
  const bool suits = s.c <= most_channels && 4 * s.o >= 3 * columns;
  if (s.form.pooled ? !pooled_suits(s) : !suits || !s.form.is_plain()) return nullptr;
  return std::make_unique<DirectWeightGrad>(direct_shape(s), s.form.bias, options);
}

}  // namespace sloy
