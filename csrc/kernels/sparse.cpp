// Of sparse rows: places (N, P) int32 and values (N, P) of their entries; a row ends at its first
// place that is no number from 0 to I - 1.
// sparse_matmul: b (I, O) -> y (N, O), y_n = Σ_p value_np b_place(n,p);
// transposed: b (N, O) -> y (I, O), the sum over n and p with place(n,p) = i of value_np b_n.
// sparse_scale: a (I,) -> y (N, P), value_np a_place(n,p), 0 behind a row's end.
#include <algorithm>
#include <stdexcept>

#include "core/kernel.h"
#include "core/parallel.h"

namespace sloy {
namespace {

constexpr std::int64_t sparse_worth_a_barrier = 1 << 15;  // numbers read and written

struct SparseShape {
  std::int64_t rows, entries, width;  // N, P, I
};

class OfSparseRows : public Kernel {
 public:
  OfSparseRows(const SparseShape& shape, int threads) : shape_(shape), threads_(threads) {}
  bool any_threads() const override { return true; }
  void bind(const Addresses& addresses) override {
    places_ = static_cast<const std::int32_t*>(addresses.inputs[0]);
    values_ = static_cast<const float*>(addresses.inputs[1]);
    other_ = static_cast<const float*>(addresses.inputs[2]);
    y_ = static_cast<float*>(addresses.outputs[0]);
  }

 protected:
  // How many entries row n has.
  std::int64_t count(std::int64_t n) const {
    const std::int32_t* places = places_ + n * shape_.entries;
    const auto is_end = [this](std::int32_t place) { return place < 0 || place >= shape_.width; };
    return std::find_if(places, places + shape_.entries, is_end) - places;
  }

  SparseShape shape_;
  int threads_;
  const std::int32_t* places_ = nullptr;
  const float* values_ = nullptr;
  const float* other_ = nullptr;
  float* y_ = nullptr;
};

void add(float* __restrict to, const float* __restrict from, float factor, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += factor * from[i];
}

class SparseProduct final : public OfSparseRows {
 public:
  SparseProduct(const SparseShape& shape, std::int64_t outputs, int threads)
      : OfSparseRows(shape, threads), outputs_(outputs) {}

  void run() override {
    const std::int64_t work = std::max<std::int64_t>(1, shape_.entries * outputs_);
    parallel_for(threads_, shape_.rows, sparse_worth_a_barrier / work + 1, 1,
                 [&](int, Range range) {
                   for (std::int64_t n = range.begin; n < range.end; ++n) {
                     float* y = y_ + n * outputs_;
                     std::fill_n(y, outputs_, 0.0F);
                     const std::int64_t first = n * shape_.entries, end = first + count(n);
                     for (std::int64_t at = first; at < end; ++at) {
                       add(y, other_ + places_[at] * outputs_, values_[at], outputs_);
                     }
                   }
                 });
  }

 private:
  std::int64_t outputs_;
};

// Each thread has some rows of the result, and looks through all entries for theirs.
class TransposedSparseProduct final : public OfSparseRows {
 public:
  TransposedSparseProduct(const SparseShape& shape, std::int64_t outputs, int threads)
      : OfSparseRows(shape, threads), outputs_(outputs) {}

  void run() override {
    const std::int64_t serial_below =
        sparse_worth_a_barrier / std::max<std::int64_t>(1, outputs_) + 1;
    parallel_for(threads_, shape_.width, serial_below, 1, [&](int, Range range) {
      std::fill(y_ + range.begin * outputs_, y_ + range.end * outputs_, 0.0F);
      for (std::int64_t n = 0; n < shape_.rows; ++n) {
        const std::int64_t first = n * shape_.entries, end = first + count(n);
        for (std::int64_t at = first; at < end; ++at) {
          const std::int64_t place = places_[at];
          if (place < range.begin || place >= range.end) continue;
          add(y_ + place * outputs_, other_ + n * outputs_, values_[at], outputs_);
        }
      }
    });
  }

 private:
  std::int64_t outputs_;
};

class SparseScale final : public OfSparseRows {
 public:
  using OfSparseRows::OfSparseRows;

  void run() override {
    const std::int64_t serial_below =
        sparse_worth_a_barrier / std::max<std::int64_t>(1, shape_.entries);
    parallel_for(threads_, shape_.rows, serial_below + 1, 1, [&](int, Range range) {
      for (std::int64_t n = range.begin; n < range.end; ++n) {
        const std::int64_t first = n * shape_.entries, end = first + count(n);
        for (std::int64_t at = first; at < end; ++at) y_[at] = values_[at] * other_[places_[at]];
        std::fill(y_ + end, y_ + first + shape_.entries, 0.0F);
      }
    });
  }
};

// N and P, checked; the third input must have `axes` axes.
SparseShape shape_of(const Instruction& instruction, std::size_t axes) {
  if (instruction.inputs.size() != 3 || instruction.outputs.size() != 1) {
    throw std::invalid_argument(instruction.op + ": takes three inputs, gives one output.");
  }
  const TensorSpec &places = instruction.inputs[0], &values = instruction.inputs[1];
  const TensorSpec &other = instruction.inputs[2], &y = instruction.outputs[0];
  const bool typed = places.dtype == DType::int32 && values.dtype == DType::float32 &&
                     other.dtype == DType::float32 && y.dtype == DType::float32;
  if (!typed || places.shape.size() != 2 || values.shape != places.shape ||
      other.shape.size() != axes || y.shape.size() != 2) {
    throw std::invalid_argument(instruction.op + ": the operands do not fit.");
  }
  return {places.shape[0], places.shape[1], other.shape[0]};
}

std::unique_ptr<Kernel> make_product(const Instruction& instruction, const Options& options) {
  SparseShape shape = shape_of(instruction, 2);
  const Shape &b = instruction.inputs[2].shape, &y = instruction.outputs[0].shape;
  const bool transposed = flag(instruction, "transpose_a");
  if (y[1] != b[1] || (transposed ? b[0] : y[0]) != shape.rows) {
    throw std::invalid_argument("sparse_matmul: the shapes do not fit.");
  }
  if (!transposed) return std::make_unique<SparseProduct>(shape, b[1], options.threads);
  shape.width = y[0];
  return std::make_unique<TransposedSparseProduct>(shape, b[1], options.threads);
}

std::unique_ptr<Kernel> make_scale(const Instruction& instruction, const Options& options) {
  const SparseShape shape = shape_of(instruction, 1);
  if (instruction.outputs[0].shape != instruction.inputs[0].shape) {
    throw std::invalid_argument("sparse_scale: the shapes do not fit.");
  }
  return std::make_unique<SparseScale>(shape, options.threads);
}

}  // namespace

void register_sparse_kernels(Registry& registry) {
  registry["sparse_matmul"] = {make_product};
  registry["sparse_scale"] = {make_scale};
}

}  // namespace sloy
