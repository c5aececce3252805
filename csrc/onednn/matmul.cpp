#include "onednn/matmul.h"

#include <cstring>
#include <sstream>

#include "core/parallel.h"
#include "onednn/bfloat16.h"
#include "onednn/primitives.h"
#include "onednn/self_check.h"

namespace sloy::onednn {
namespace {

// A matrix copied into one of more rows or columns; what is added is 0.
struct Padding {
  std::size_t operand;
  std::int64_t rows, columns, to_rows, to_columns;
  std::size_t offset;  // of the copy within scratch
};

void pad(const Padding& p, std::uint16_t* to, const std::uint16_t* from, int threads) {
  constexpr std::int64_t worth_a_barrier = 1 << 15;
  const auto bytes = [](std::int64_t n) { return static_cast<std::size_t>(n) * sizeof *to; };
  const std::int64_t serial_below = worth_a_barrier / std::max<std::int64_t>(p.columns, 1) + 1;
  parallel_for(threads, p.rows, serial_below, 1, [&](int, Range range) {
    for (std::int64_t row = range.begin; row < range.end; ++row) {
      std::uint16_t* out = to + row * p.to_columns;
      std::memcpy(out, from + row * p.columns, bytes(p.columns));
      std::memset(out + p.columns, 0, bytes(p.to_columns - p.columns));
    }
  });
  std::memset(to + p.rows * p.to_columns, 0, bytes((p.to_rows - p.rows) * p.to_columns));
}

class Matmul final : public PrimitiveKernel {
 public:
  // With AMX, oneDNN 3.2 reads rows of `depth_unit` bfloat16 elements whether they are there or
  // not, and NaN behind the operand spoils sums (fixed in 2026): such ones are copied.
  Matmul(const MatmulShape& s, int threads) : threads_(threads) {
    constexpr std::int64_t depth_unit = 32;
    MatmulShape padded = s;
    padded.k = (s.k + depth_unit - 1) / depth_unit * depth_unit;
    Location a = input(0), b = input(1);
    if (s.factors == DType::bfloat16 && padded.k != s.k && bfloat16_support() == "amx") {
      a = s.transpose_a ? copied(0, s.k, s.m, padded.k, s.m) : copied(0, s.m, s.k, s.m, padded.k);
      b = s.transpose_b ? copied(1, s.n, s.k, s.n, padded.k) : copied(1, s.k, s.n, padded.k, s.n);
    } else {
      padded.k = s.k;
    }
    describe(padded, a, b);
  }

  void bind(const Addresses& addresses) override {
    addresses_ = addresses;
    PrimitiveKernel::bind(addresses);
  }

  void run() override {
    for (const Padding& padding : paddings_) {
      auto* to = static_cast<std::byte*>(addresses_.scratch) + padding.offset;
      pad(padding, reinterpret_cast<std::uint16_t*>(to),
          static_cast<const std::uint16_t*>(addresses_.inputs[padding.operand]), threads_);
    }
    PrimitiveKernel::run();
  }

 private:
  Location copied(std::size_t operand, std::int64_t rows, std::int64_t columns,
                  std::int64_t to_rows, std::int64_t to_columns) {
    const Location place =
        reserve(static_cast<std::size_t>(to_rows * to_columns) * sizeof(std::uint16_t));
    paddings_.push_back({operand, rows, columns, to_rows, to_columns, place.index});
    return place;
  }

  void describe(const MatmulShape& shape, Location a_place, Location b_place) {
    const DataType factors = data_type(shape.factors), result = data_type(shape.result);
    using Desc = dnnl::memory::desc;
    using Dims = dnnl::memory::dims;
    const auto matrices = [&](std::int64_t rows, std::int64_t columns, DataType dtype,
                              bool transpose, const Steps& steps) {
      using Tag = dnnl::memory::format_tag;
      if (shape.count == 1) return Desc({rows, columns}, dtype, transpose ? Tag::ba : Tag::ab);
      const Dims apart =
          transpose ? Dims{steps.matrix, 1, steps.line} : Dims{steps.matrix, steps.line, 1};
      return Desc({shape.count, rows, columns}, dtype, apart);
    };
    const Desc a = matrices(shape.m, shape.k, factors, shape.transpose_a, shape.a);
    const Desc b = matrices(shape.k, shape.n, factors, shape.transpose_b, shape.b);
    const Desc y = matrices(shape.m, shape.n, result, false, shape.y);
    const std::int64_t biases = shape.bias_step == 0 ? 1 : shape.count;
    const Desc bias = !shape.bias        ? Desc()
                      : shape.count == 1 ? dense({1, shape.n})
                                         : dense({biases, 1, shape.n});
    const dnnl::matmul::primitive_desc description(cpu_engine(), a, b, bias, y,
                                                   attributes_for(shape.activation));
    std::vector<Argument> arguments = {
        {DNNL_ARG_SRC, a, a_place}, {DNNL_ARG_WEIGHTS, b, b_place}, {DNNL_ARG_DST, y, output(0)}};
    if (shape.bias) arguments.push_back({DNNL_ARG_BIAS, bias, input(2)});
    for (const auto& extra : epilogue_arguments(shape.activation, shape.count == 1 ? 2 : 3)) {
      arguments.push_back(extra);
    }
    add<dnnl::matmul>(description, arguments);
  }

  std::vector<Padding> paddings_;
  int threads_;
  Addresses addresses_;
};

// Null where float32 is to be taken.
std::unique_ptr<Kernel> in_bfloat16(const MatmulShape& s, const Options& options) {
  constexpr std::int64_t worth_a_primitive = 200'000;  // multiply-adds
  if (!takes_bfloat16(options) || s.m * s.n * s.k <= worth_a_primitive) return nullptr;
  std::ostringstream name;
  name << "matmul " << s.m << ' ' << s.k << ' ' << s.n << (s.transpose_a ? " a'" : " a")
       << (s.transpose_b ? " b'" : " b") << (s.bias ? " bias " : " ") << s.activation
       << (s.result == DType::bfloat16 ? " bfloat16" : " float32") << " threads "
       << options.threads;
  return if_right(
      name.str(), [&] { return std::make_unique<Matmul>(s, options.threads); },
      [&](Kernel& kernel) { return matmul_is_right(kernel, s); });
}

}  // namespace

std::unique_ptr<Kernel> make_matmul(const MatmulShape& s, const Options& options) {
  if (s.factors == DType::bfloat16) return in_bfloat16(s, options);
  return std::make_unique<Matmul>(s, options.threads);
}

}  // namespace sloy::onednn
