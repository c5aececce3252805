// reduce_sum, reduce_max, reduce_min over `axes`, and argmax along `axis`.
// x is dense (…); seen as (K, R, J) with R the reduced extent, y is (K, J). Axes apart from each
// other take one such pass each. sum_of_squares is Σ x² over all elements. Runs of bounded length
// are reduced one by one and their results combined by the same rule, so a sum's error grows with
// the logarithm of its length, and neither order nor result depends on the number of threads.
#include <algorithm>
#include <stdexcept>

#include "core/kernel.h"
#include "core/parallel.h"
#include "kernels/simd/tables.h"

namespace sloy {
namespace {

constexpr std::int64_t run_length = 2048;  // elements of a row in one run
constexpr std::int64_t run_rows = 64;      // rows of columns in one run
constexpr std::int64_t wide = 64;          // columns that use the vectors well
constexpr std::int64_t parallel_elements = 32768;

// (K, R, J) -> (K, J). `rows` of J elements each, narrow ones taken `fold` at a time.
struct Pass {
  std::int64_t k, r, j;
  std::int64_t fold = 1;
  std::int64_t wide_rows = 0;  // R / fold
  std::int64_t runs = 1;       // per k
  std::int64_t partial_rows = 0;

  Pass(std::int64_t outer, std::int64_t reduced, std::int64_t inner)
      : k(outer), r(reduced), j(inner) {
    if (j == 1) {
      runs = (r + run_length - 1) / run_length;
      partial_rows = runs;
      return;
    }
    if (j < wide && r > run_rows) fold = (wide + j - 1) / j;
    wide_rows = r / fold;
    runs = (wide_rows + run_rows - 1) / run_rows;
    partial_rows = runs * fold + r % fold;
  }
  bool direct() const { return runs <= 1 && fold == 1; }
  std::int64_t partial_elements() const { return direct() ? 0 : k * partial_rows * j; }
};

template <class T>
class Reduce final : public Kernel {
 public:
  // `first`: how the runs of a row are reduced, where that differs from how results are combined.
  Reduce(std::vector<Pass> passes, const simd::Reductions<T>& op, int threads,
         T (*first)(const T*, std::int64_t) = nullptr)
      : passes_(std::move(passes)),
        op_(op),
        first_(first == nullptr ? op.row : first),
        threads_(threads) {
    for (const Pass& pass : passes_) {
      partial_elements_ = std::max(partial_elements_, pass.partial_elements());
      if (&pass != &passes_.back()) between_elements_ += pass.k * pass.j;
    }
  }

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(partial_elements_ + between_elements_) * sizeof(T);
  }

  void bind(const Addresses& addresses) override {
    x_ = static_cast<const T*>(addresses.inputs[0]);
    y_ = static_cast<T*>(addresses.outputs[0]);
    scratch_ = static_cast<T*>(addresses.scratch);
  }

  void run() override {
    const T* from = x_;
    T* between = scratch_ + partial_elements_;
    for (const Pass& pass : passes_) {
      T* to = y_;
      if (&pass != &passes_.back()) {
        to = between;
        between += pass.k * pass.j;
      }
      run_pass(pass, to, from);
      from = to;
    }
  }

 private:
  void run_pass(const Pass& p, T* to, const T* from) const {
    if (p.k * p.j == 0) return;
    if (p.r == 0) {
      std::fill_n(to, p.k * p.j, T{0});  // only sums may be empty
      return;
    }
    const std::int64_t per_item =
        std::max<std::int64_t>(1, p.r * p.j / std::max<std::int64_t>(1, p.runs));
    const std::int64_t serial_below = std::max<std::int64_t>(2, parallel_elements / per_item);
    parallel_for(threads_, p.k * std::max<std::int64_t>(1, p.runs), serial_below, 1,
                 [&](int, Range range) {
                   for (std::int64_t item = range.begin; item < range.end; ++item)
                     first_level(p, to, from, item);
                 });
    if (p.direct()) return;
    const std::int64_t combine_below = std::max<std::int64_t>(
        2, parallel_elements / std::max<std::int64_t>(1, p.partial_rows * p.j));
    parallel_for(threads_, p.k, combine_below, 1, [&](int, Range range) {
      for (std::int64_t k = range.begin; k < range.end; ++k) {
        combine(p, to + k * p.j, scratch_ + k * p.partial_rows * p.j);
      }
    });
  }

  // One run of one k: into the result when there is only one, else into its rows of the partial
  // results.
  void first_level(const Pass& p, T* to, const T* from, std::int64_t item) const {
    const std::int64_t runs = std::max<std::int64_t>(1, p.runs);
    const std::int64_t k = item / runs, run = item % runs;
    const T* x = from + k * p.r * p.j;
    T* partial = scratch_ + k * p.partial_rows * p.j;
    if (p.j == 1) {
      const std::int64_t begin = run * run_length;
      const T value = first_(x + begin, std::min(run_length, p.r - begin));
      (p.direct() ? to[k] : partial[run]) = value;
      return;
    }
    const std::int64_t columns = p.fold * p.j;
    const std::int64_t begin = run * run_rows;
    const std::int64_t rows = std::min(run_rows, p.wide_rows - begin);
    T* target = p.direct() ? to + k * p.j : partial + run * columns;
    op_.columns(target, x + begin * columns, rows, columns, columns);
    if (run == runs - 1 && p.r % p.fold != 0) {
      const std::int64_t rest = p.r % p.fold * p.j;
      std::copy_n(x + p.wide_rows * columns, rest, partial + p.runs * columns);
    }
  }

  // The partial results of one k, run by run in place until one run is left.
  void combine(const Pass& p, T* to, T* partial) const {
    std::int64_t count = p.partial_rows;
    const std::int64_t length = p.j == 1 ? run_length : run_rows;
    while (count > length) {
      std::int64_t kept = 0;
      for (std::int64_t begin = 0; begin < count; begin += length) {
        reduce_run(partial + kept++ * p.j, partial + begin * p.j, std::min(length, count - begin),
                   p.j);
      }
      count = kept;
    }
    reduce_run(to, partial, count, p.j);
  }

  void reduce_run(T* to, const T* from, std::int64_t count, std::int64_t j) const {
    if (j == 1) {
      *to = op_.row(from, count);
    } else {
      op_.columns(to, from, count, j, j);
    }
  }

  std::vector<Pass> passes_;
  simd::Reductions<T> op_;
  T (*first_)(const T*, std::int64_t);
  int threads_;
  std::int64_t partial_elements_ = 0, between_elements_ = 0;
  const T* x_ = nullptr;
  T* y_ = nullptr;
  T* scratch_ = nullptr;
};

// Neighbouring axes merged, then one pass for each group of reduced axes, the last group first.
std::vector<Pass> passes_of(const Shape& shape, const std::vector<std::int64_t>& axes) {
  struct Group {
    std::int64_t extent;
    bool reduced;
  };
  std::vector<Group> groups;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const bool reduced =
        std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(axis)) != axes.end();
    if (shape[axis] == 1) continue;
    if (!groups.empty() && groups.back().reduced == reduced) {
      groups.back().extent *= shape[axis];
    } else {
      groups.push_back({shape[axis], reduced});
    }
  }
  const auto product = [](auto begin, auto end) {
    std::int64_t n = 1;
    for (; begin != end; ++begin) n *= begin->extent;
    return n;
  };
  std::vector<Pass> passes;
  for (std::size_t g = groups.size(); g-- > 0;) {
    if (!groups[g].reduced) continue;
    const auto at = groups.begin() + static_cast<std::ptrdiff_t>(g);
    passes.emplace_back(product(groups.begin(), at), at->extent, product(at + 1, groups.end()));
    groups.erase(at);
  }
  if (passes.empty()) passes.emplace_back(1, 1, product(groups.begin(), groups.end()));
  return passes;
}

template <class T>
const simd::Reductions<T>& choose(const simd::ReductionTable<T>& table, const std::string& op) {
  return op == "reduce_sum" ? table.sum : op == "reduce_max" ? table.max : table.min;
}

std::unique_ptr<Kernel> make_reduce(const Instruction& instruction, const Options& options) {
  const TensorSpec& x = instruction.inputs.at(0);
  std::vector<Pass> passes = passes_of(x.shape, get_ints(instruction, "axes"));
  const std::int64_t elements = passes.back().k * passes.back().j;
  if (instruction.outputs.size() != 1 || instruction.outputs[0].dtype != x.dtype ||
      instruction.outputs[0].elements() != elements) {
    throw std::invalid_argument(instruction.op + ": the output does not fit");
  }
  const simd::Table& table = simd::table();
  switch (x.dtype) {
    case DType::float32:
      return std::make_unique<Reduce<float>>(
          std::move(passes), choose(table.float32, instruction.op), options.threads);
    case DType::int32:
      return std::make_unique<Reduce<std::int32_t>>(
          std::move(passes), choose(table.int32, instruction.op), options.threads);
    case DType::uint32:
      return std::make_unique<Reduce<std::uint32_t>>(
          std::move(passes), choose(table.uint32, instruction.op), options.threads);
    case DType::uint8:
    case DType::bfloat16:
      break;
  }
  throw std::invalid_argument(instruction.op + ": no kernel for this dtype");
}

// Σ x² over all elements of a float32 x.
std::unique_ptr<Kernel> make_sum_of_squares(const Instruction& instruction,
                                            const Options& options) {
  const TensorSpec& x = instruction.inputs.at(0);
  if (x.dtype != DType::float32 || instruction.outputs.size() != 1 ||
      instruction.outputs[0].dtype != x.dtype || instruction.outputs[0].elements() != 1) {
    throw std::invalid_argument("sum_of_squares: the output does not fit");
  }
  const simd::Table& table = simd::table();
  return std::make_unique<Reduce<float>>(std::vector<Pass>{Pass(1, x.elements(), 1)},
                                         table.float32.sum, options.threads, table.sum_of_squares);
}

// x (K, R, J), y int32 (K, J): the first largest element; NaN counts as largest.
template <class T>
class Argmax final : public Kernel {
 public:
  Argmax(std::int64_t k, std::int64_t r, std::int64_t j, int threads)
      : k_(k), r_(r), j_(j), threads_(threads) {}

  void bind(const Addresses& addresses) override {
    x_ = static_cast<const T*>(addresses.inputs[0]);
    y_ = static_cast<std::int32_t*>(addresses.outputs[0]);
  }

  void run() override {
    parallel_for(threads_, k_, std::max<std::int64_t>(2, parallel_elements / (r_ * j_ + 1)), 1,
                 [this](int, Range range) {
                   for (std::int64_t k = range.begin; k < range.end; ++k) {
                     for (std::int64_t j = 0; j < j_; ++j) y_[k * j_ + j] = first_largest(k, j);
                   }
                 });
  }

 private:
  std::int32_t first_largest(std::int64_t k, std::int64_t j) const {
    const T* x = x_ + k * r_ * j_ + j;
    std::int64_t best = 0;
    T largest = x[0];
    for (std::int64_t i = 1; i < r_; ++i) {
      const T value = x[i * j_];
      if (value > largest || (value != value && largest == largest)) {
        best = i;
        largest = value;
      }
    }
    return static_cast<std::int32_t>(best);
  }

  std::int64_t k_, r_, j_;
  int threads_;
  const T* x_ = nullptr;
  std::int32_t* y_ = nullptr;
};

std::unique_ptr<Kernel> make_argmax(const Instruction& instruction, const Options& options) {
  const TensorSpec& x = instruction.inputs.at(0);
  const auto axis = static_cast<std::size_t>(get_int(instruction, "axis"));
  if (axis >= x.shape.size() || instruction.outputs.size() != 1 ||
      instruction.outputs[0].dtype != DType::int32 ||
      instruction.outputs[0].elements() * x.shape[axis] != x.elements()) {
    throw std::invalid_argument("argmax: the axis or the output does not fit");
  }
  std::int64_t k = 1, j = 1;
  for (std::size_t i = 0; i < axis; ++i) k *= x.shape[i];
  for (std::size_t i = axis + 1; i < x.shape.size(); ++i) j *= x.shape[i];
  const std::int64_t r = x.shape[axis];
  switch (x.dtype) {
    case DType::float32:
      return std::make_unique<Argmax<float>>(k, r, j, options.threads);
    case DType::int32:
      return std::make_unique<Argmax<std::int32_t>>(k, r, j, options.threads);
    case DType::uint32:
      return std::make_unique<Argmax<std::uint32_t>>(k, r, j, options.threads);
    case DType::uint8:
      return std::make_unique<Argmax<std::uint8_t>>(k, r, j, options.threads);
    case DType::bfloat16:
      break;
  }
  throw std::invalid_argument("argmax: unknown dtype");
}

}  // namespace

void register_reduction_kernels(Registry& registry) {
  registry["reduce_sum"] = {make_reduce};
  registry["reduce_max"] = {make_reduce};
  registry["reduce_min"] = {make_reduce};
  registry["sum_of_squares"] = {make_sum_of_squares};
  registry["argmax"] = {make_argmax};
}

}  // namespace sloy
