// softmax, log_softmax: x (…, K) -> y (…, K) over the last axis.
// softmax_cross_entropy: logits (N, K), targets (N, K) -> y (N,), y = -Σ_k t_k log softmax(z)_k, 0
// · log 0 = 0; and softmax(z) (N, K) where a second output is wanted. Rows are taken a block at a
// time, so that the exponential runs over whole vectors even when K is small.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/kernel.h"
#include "core/parallel.h"
#include "kernels/simd/tables.h"

namespace sloy {
namespace {

constexpr std::int64_t block_elements = 1024;
constexpr std::int64_t parallel_logits = 8192;

enum class Form : std::uint8_t { softmax, log_softmax, cross_entropy };

class Softmax final : public Kernel {
 public:
  Softmax(Form form, std::int64_t rows, std::int64_t classes, int threads)
      : table_(simd::table()),
        form_(form),
        rows_(rows),
        classes_(classes),
        block_rows_(std::max<std::int64_t>(1, block_elements / classes)),
        threads_(threads) {}

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(threads_ * buffer_elements()) * sizeof(float);
  }

  void bind(const Addresses& addresses) override {
    x_ = static_cast<const float*>(addresses.inputs[0]);
    targets_ =
        form_ == Form::cross_entropy ? static_cast<const float*>(addresses.inputs[1]) : nullptr;
    y_ = static_cast<float*>(addresses.outputs[0]);
    softmax_ = form_ == Form::softmax ? y_ : nullptr;
    if (addresses.outputs.size() > 1) softmax_ = static_cast<float*>(addresses.outputs[1]);
    scratch_ = static_cast<float*>(addresses.scratch);
  }

  void run() override {
    const std::int64_t serial_below = std::max<std::int64_t>(2, parallel_logits / classes_);
    parallel_for(threads_, rows_, serial_below, 1, [this](int thread, Range range) {
      float* buffer = scratch_ + thread * buffer_elements();
      for (std::int64_t row = range.begin; row < range.end; row += block_rows_) {
        run_block(buffer, row, std::min(block_rows_, range.end - row));
      }
    });
  }

 private:
  std::int64_t buffer_elements() const {
    return (block_rows_ * classes_ + simd::most_lanes - 1) / simd::most_lanes * simd::most_lanes;
  }

  void run_block(float* buffer, std::int64_t first, std::int64_t rows) const {
    const std::int64_t n = rows * classes_;
    const float* x = x_ + first * classes_;
    for (std::int64_t row = 0; row < rows; ++row) {
      const float largest = table_.float32.max.row(x + row * classes_, classes_);
      float* shifted = buffer + row * classes_;
      for (std::int64_t k = 0; k < classes_; ++k) shifted[k] = x[row * classes_ + k] - largest;
    }
    const std::int64_t whole = (n + table_.lanes - 1) / table_.lanes * table_.lanes;
    std::fill(buffer + n, buffer + whole, 0.0f);
    const void* in[3] = {buffer, nullptr, nullptr};
    table_.loops[static_cast<int>(simd::Opcode::exp_f)][0](buffer, in, whole);
    for (std::int64_t row = 0; row < rows; ++row) {
      const float* weights = buffer + row * classes_;
      const float sum = table_.float32.sum.row(weights, classes_);
      finish_row(first + row, weights, sum);
    }
  }

  void finish_row(std::int64_t row, const float* weights, float sum) const {
    const float* x = x_ + row * classes_;
    if (softmax_ != nullptr) {
      for (std::int64_t k = 0; k < classes_; ++k) softmax_[row * classes_ + k] = weights[k] / sum;
    }
    if (form_ == Form::softmax) return;
    const float largest = table_.float32.max.row(x, classes_);
    const auto log_sum = static_cast<float>(std::log(static_cast<double>(sum)));
    if (form_ == Form::log_softmax) {
      for (std::int64_t k = 0; k < classes_; ++k) {
        y_[row * classes_ + k] = (x[k] - largest) - log_sum;
      }
      return;
    }
    const float* t = targets_ + row * classes_;
    double total = 0.0;
    for (std::int64_t k = 0; k < classes_; ++k) {
      if (t[k] != 0.0f)
        total -= static_cast<double>(t[k]) * static_cast<double>((x[k] - largest) - log_sum);
    }
    y_[row] = static_cast<float>(total);
  }

  const simd::Table& table_;
  Form form_;
  std::int64_t rows_, classes_, block_rows_;
  int threads_;
  const float* x_ = nullptr;
  const float* targets_ = nullptr;
  float* y_ = nullptr;
  float* softmax_ = nullptr;  // none: not wanted
  float* scratch_ = nullptr;
};

std::unique_ptr<Kernel> make_softmax(const Instruction& instruction, const Options& options) {
  const Form form = instruction.op == "softmax"       ? Form::softmax
                    : instruction.op == "log_softmax" ? Form::log_softmax
                                                      : Form::cross_entropy;
  const TensorSpec& x = instruction.inputs.at(0);
  const std::size_t inputs = form == Form::cross_entropy ? 2 : 1;
  const std::size_t outputs = instruction.outputs.size();
  if (x.shape.empty() || x.shape.back() == 0 || x.dtype != DType::float32 ||
      instruction.inputs.size() != inputs || outputs < 1 || outputs > inputs) {
    throw std::invalid_argument(instruction.op + ": operands must be float32 with a last axis");
  }
  const std::int64_t classes = x.shape.back(), rows = x.elements() / classes;
  const std::int64_t expected = form == Form::cross_entropy ? rows : x.elements();
  if (instruction.outputs[0].elements() != expected ||
      (outputs > 1 && instruction.outputs[1].shape != x.shape) ||
      instruction.inputs.back().shape != x.shape) {
    throw std::invalid_argument(instruction.op + ": the shapes do not fit");
  }
  return std::make_unique<Softmax>(form, rows, classes, options.threads);
}

}  // namespace

void register_softmax_kernels(Registry& registry) {
  registry["softmax"] = {make_softmax};
  registry["log_softmax"] = {make_softmax};
  registry["softmax_cross_entropy"] = {make_softmax};
}

}  // namespace sloy
