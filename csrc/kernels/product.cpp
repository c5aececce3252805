#include "kernels/product.h"

#include <algorithm>
#include <string_view>

#include "core/parallel.h"
#include "kernels/pick_isa.h"
#include "kernels/product_form.h"
#include "kernels/simd/product.h"

namespace sloy {
namespace {

// Scratch: the packed right operands, then each thread's working memory, then the sums of steps.
//
// A small product of a large b is shared by its depth: a thread reads the lines of b that it wrote,
// where it wrote its share of them, as an optimiser's step does, and not half of each line that
// another core holds. Where nothing writes b, it is shared by rows, as are the kernels before and
// behind it: lines of b that all cores read cost nothing.
class Product final : public Kernel {
 public:
  Product(const MatmulShape& s, const ProductShape& shape, const ProductForm& form,
          const Options& options)
      : whole_(s),
        shape_(with_few_rows(shape)),
        form_(form),
        threads_(s.multiply_adds() < worth_a_barrier ? 1 : options.threads),
        kernels_(SLOY_PICK_VECTOR_ISA(product_kernels)()),
        by_rows_(threads_ > 1 && shape_.few_rows && whole_.count == 1 && !options.updates &&
                 shape_.n <= shape_.m),
        blocks_(by_rows_ ? ProductBlocks{threads_, 1} : kernels_.blocks(shape_, fewest_blocks())),
        by_depth_(threads_ > 1 && shape_.few_rows && whole_.count == 1 && steps() > 1 &&
                  !by_rows_ && steps() * shape_.m * shape_.n <= most_sums) {}

  std::size_t scratch_bytes() const override {
    const std::int64_t floats =
        whole_.count * packed_floats() + threads_ * work_floats() + sum_floats();
    return static_cast<std::size_t>(floats) * sizeof(float);
  }
  void bind(const Addresses& addresses) override { addresses_ = addresses; }
  bool any_threads() const override { return true; }

  void run() override {
    const auto* b = static_cast<const float*>(addresses_.inputs[1]);
    auto* packed = static_cast<float*>(addresses_.scratch);
    if (packed_floats() > 0) {
      const std::int64_t panels = kernels_.panels(shape_);
      parallel_for(threads_, whole_.count * panels, 2, 1, [&](int, Range range) {
        for (std::int64_t i = range.begin; i < range.end; ++i) {
          const std::int64_t matrix = i / panels, panel = i % panels;
          kernels_.pack(packed + matrix * packed_floats(), b + matrix * whole_.b.matrix, shape_,
                        panel, panel + 1);
        }
      });
    }
    if (by_depth_) return run_by_depth();
    // The same rows of all matrices follow each other: of stacks whose batch axis is the middle one
    // they lie side by side.
    parallel_for(threads_, whole_.count * blocks_.count(), 2, 1, [&](int thread, Range range) {
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        const std::int64_t row = i / (whole_.count * blocks_.columns);
        multiply(thread, i / blocks_.columns % whole_.count,
                 row * blocks_.columns + i % blocks_.columns);
      }
    });
  }

 private:
  static constexpr std::int64_t worth_a_barrier = 500'000;  // multiply-adds
  static constexpr std::int64_t blocks_of_thread = 4;

  static constexpr std::int64_t few_rows = 256;        // which stay in the second-level cache
  static constexpr std::int64_t most_sums = 64 << 10;  // floats

  static ProductShape with_few_rows(ProductShape shape) {
    shape.few_rows = shape.m <= few_rows;
    return shape;
  }
  std::int64_t packed_floats() const { return aligned_floats(kernels_.packed_floats(shape_)); }
  std::int64_t work_floats() const { return aligned_floats(kernels_.work_floats(shape_)); }

  // Of a matrix. Blocks of the same rows each gather them for themselves.
  std::int64_t fewest_blocks() const {
    if (threads_ == 1) return 1;
    const std::int64_t wanted = shape_.gathers && shape_.few_rows ? 2 : blocks_of_thread;
    const std::int64_t count = std::max<std::int64_t>(whole_.count, 1);
    return (threads_ * wanted + count - 1) / count;
  }

  std::int64_t steps() const { return kernels_.steps(shape_); }
  std::int64_t sum_floats() const { return by_depth_ ? steps() * shape_.m * shape_.n : 0; }

  void run_by_depth() {
    const auto* a = static_cast<const float*>(addresses_.inputs[0]);
    const auto* b = static_cast<const float*>(addresses_.inputs[1]);
    auto* y = static_cast<float*>(addresses_.outputs[0]);
    auto* work = static_cast<float*>(addresses_.scratch);
    float* sums = work + threads_ * work_floats();
    parallel_for(threads_, steps() * blocks_.count(), 2, 1, [&](int thread, Range range) {
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        kernels_.multiply_step(sums, a, b, work + thread * work_floats(), shape_, blocks_,
                               i % blocks_.count(), i / blocks_.count());
      }
    });
    const Ending ending = ending_of(form_, addresses_.inputs);
    constexpr std::int64_t serial_rows = 64;
    parallel_for(threads_, shape_.m, serial_rows, 1, [&](int, Range rows) {
      kernels_.add_steps(y, sums, ending, shape_, rows.begin, rows.end);
    });
  }

  void multiply(int thread, std::int64_t matrix, std::int64_t block) {
    const auto* a = static_cast<const float*>(addresses_.inputs[0]) + matrix * whole_.a.matrix;
    const auto* b = static_cast<const float*>(addresses_.inputs[1]) + matrix * whole_.b.matrix;
    auto* y = static_cast<float*>(addresses_.outputs[0]) + matrix * whole_.y.matrix;
    auto* packed = static_cast<float*>(addresses_.scratch);
    if (packed_floats() > 0) b = packed + matrix * packed_floats();
    kernels_.multiply(y, a, b, ending_of(form_, addresses_.inputs),
                      packed + whole_.count * packed_floats() + thread * work_floats(), shape_,
                      blocks_, block, block + 1);
  }

  MatmulShape whole_;
  ProductShape shape_;
  ProductForm form_;
  int threads_;
  ProductKernels kernels_;
  bool by_rows_;
  ProductBlocks blocks_;
  bool by_depth_;
  Addresses addresses_;
};

// A window of one pixel is a product of the image as it lies, others of its patches, a few rows and
// some of their columns at a time. Larger windows only where there are few pixels, so that the
// weights are what takes time: oneDNN and Winograd's method write them once more first.
bool suits_forward(const ConvolutionShape& s) {
  constexpr std::int64_t few_pixels = 64, many_weights = 1 << 20;
  const std::int64_t weights = s.kh * s.kw * s.c * s.o, pixels = s.n * s.oh * s.ow;
  return suits_product(s) &&
         (s.kh * s.kw == 1 || (weights >= many_weights && pixels <= few_pixels));
}

// oneDNN runs at a quarter of its speed where the stride is not 1.
bool suits_weight_grad(const ConvolutionShape& s) {
  constexpr std::int64_t fewest_channels = 16;
  return suits_product(s) && s.kh * s.kw > 1 && s.stride[0] * s.stride[1] > 1 && !s.form.bias &&
         s.c >= fewest_channels;
}

Patches patches_of(const ConvolutionShape& s) {
  return {s.h,         s.w,         s.c,           s.kw,          s.oh,         s.ow,
          s.stride[0], s.stride[1], s.dilation[0], s.dilation[1], s.padding[0], s.padding[2]};
}

MatmulShape single(const ProductShape& shape) {
  MatmulShape product{};
  product.m = shape.m, product.n = shape.n, product.k = shape.k, product.count = 1;
  return product;
}

}  // namespace

bool suits_product(const ConvolutionShape& s) {
  constexpr std::int64_t fewest_channels = 8;
  return s.factors == DType::float32 && s.result == DType::float32 && s.form.has_epilogue_alone() &&
         s.groups == 1 && std::min(s.c, s.o) >= fewest_channels &&
         std::string_view(simd::table().name) != "baseline";
}

std::unique_ptr<Kernel> make_product(const MatmulShape& s, const Options& options) {
  const ProductShape shape{s.m,           s.n,      s.k,      s.transpose_a,
                           s.transpose_b, s.a.line, s.b.line, s.y.line};
  return std::make_unique<Product>(
      s, shape, ProductForm{s.bias, false, false, activation_from(s.activation)}, options);
}

std::unique_ptr<Kernel> make_product_convolution(const ConvolutionShape& s,
                                                 const Options& options) {
  if (!suits_forward(s)) return nullptr;
  const bool whole = s.kh * s.kw == 1 && s.stride[0] * s.stride[1] == 1 &&
                     std::all_of(s.padding.begin(), s.padding.end(), [](auto p) { return p == 0; });
  ProductShape shape{s.n * s.oh * s.ow, s.o, s.kh * s.kw * s.c, false, false, s.c, s.o, s.o};
  if (!whole) {
    shape.gathers = true;
    shape.patches = patches_of(s);
  }
  return std::make_unique<Product>(single(shape), shape, product_form_of(s.form), options);
}

std::unique_ptr<Kernel> make_product_weight_grad(const ConvolutionShape& s,
                                                 const Options& options) {
  if (!suits_weight_grad(s)) return nullptr;
  ProductShape shape{s.kh * s.kw * s.c, s.o, s.n * s.oh * s.ow, true, false, 0, s.o, s.o};
  shape.gathers = true;
  shape.patches = patches_of(s);
  return std::make_unique<Product>(single(shape), shape, ProductForm{}, options);
}

}  // namespace sloy
