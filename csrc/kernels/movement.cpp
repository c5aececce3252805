// Ops that move elements: copy, reshape, transpose, slice, pad, concatenate, broadcast_to, one_hot.
// Inputs and outputs are dense, of any dtype; each op is one or more copies between two strided
// walks.
#include <algorithm>
#include <stdexcept>

#include "core/parallel.h"
#include "kernels/strided.h"

namespace sloy {
namespace {

std::int64_t dot(const Strides& strides, const std::vector<std::int64_t>& index) {
  std::int64_t sum = 0;
  for (std::size_t axis = 0; axis < strides.size(); ++axis) sum += strides[axis] * index[axis];
  return sum;
}

[[noreturn]] void reject(const Instruction& instruction) {
  throw std::invalid_argument(instruction.op + ": shapes and attributes do not fit");
}

// One copy: from element `from_begin` of input `input` to element `to_begin` of the output.
struct Part {
  std::size_t input;
  std::int64_t to_begin, from_begin;
  StridedCopy copy;
};

class Movement final : public Kernel {
 public:
  Movement(std::vector<Part> parts, const TensorSpec& output, bool fills, std::uint32_t value)
      : parts_(std::move(parts)), output_(output), fills_(fills), value_(value) {}

  void bind(const Addresses& addresses) override {
    to_ = static_cast<char*>(addresses.outputs[0]);
    from_.clear();
    for (const void* input : addresses.inputs) from_.push_back(static_cast<const char*>(input));
  }

  void run() override {
    const auto size = static_cast<std::int64_t>(size_of(output_.dtype));
    if (fills_) {
      if (size == 4) {
        std::fill_n(reinterpret_cast<std::uint32_t*>(to_), output_.elements(), value_);
      } else {
        std::fill_n(to_, output_.elements(), static_cast<char>(value_));
      }
    }
    for (const Part& part : parts_) {
      part.copy.run(to_ + part.to_begin * size, from_[part.input] + part.from_begin * size);
    }
  }

 private:
  std::vector<Part> parts_;
  TensorSpec output_;
  bool fills_;
  std::uint32_t value_;
  char* to_ = nullptr;
  std::vector<const char*> from_;
};

std::unique_ptr<Kernel> movement(std::vector<Part> parts, const Instruction& instruction,
                                 bool fills = false, std::uint32_t value = 0) {
  return std::make_unique<Movement>(std::move(parts), instruction.outputs[0], fills, value);
}

// The one copy of an op that reads its input by `from` strides over the output's shape.
std::unique_ptr<Kernel> gather(const Instruction& instruction, const Options& options, Strides from,
                               std::int64_t from_begin = 0) {
  const TensorSpec& y = instruction.outputs[0];
  StridedCopy copy(y.shape, dense_strides(y.shape), std::move(from), size_of(y.dtype),
                   options.threads);
  std::vector<Part> parts;
  parts.push_back({0, 0, from_begin, std::move(copy)});
  return movement(std::move(parts), instruction);
}

void check(const Instruction& instruction, bool several = false) {
  if (instruction.outputs.size() != 1 || instruction.inputs.empty() ||
      (!several && instruction.inputs.size() != 1)) {
    reject(instruction);
  }
  for (const TensorSpec& input : instruction.inputs) {
    if (input.dtype != instruction.outputs[0].dtype) reject(instruction);
  }
}

std::unique_ptr<Kernel> make_copy(const Instruction& instruction, const Options& options) {
  check(instruction);
  if (instruction.inputs[0].elements() != instruction.outputs[0].elements()) reject(instruction);
  return gather(instruction, options, dense_strides(instruction.outputs[0].shape));
}

std::unique_ptr<Kernel> make_transpose(const Instruction& instruction, const Options& options) {
  check(instruction);
  const Shape& x = instruction.inputs[0].shape;
  const Shape& y = instruction.outputs[0].shape;
  const auto& permutation = get_ints(instruction, "permutation");
  if (permutation.size() != x.size() || y.size() != x.size()) reject(instruction);
  const Strides strides = dense_strides(x);
  Strides from;
  for (std::size_t axis = 0; axis < y.size(); ++axis) {
    const auto source = static_cast<std::size_t>(permutation[axis]);
    if (source >= x.size() || x[source] != y[axis]) reject(instruction);
    from.push_back(strides[source]);
  }
  return gather(instruction, options, std::move(from));
}

std::unique_ptr<Kernel> make_slice(const Instruction& instruction, const Options& options) {
  check(instruction);
  const Shape& x = instruction.inputs[0].shape;
  const Shape& y = instruction.outputs[0].shape;
  const auto& start = get_ints(instruction, "start");
  if (start.size() != x.size() || y.size() != x.size()) reject(instruction);
  for (std::size_t axis = 0; axis < x.size(); ++axis) {
    if (start[axis] < 0 || start[axis] + y[axis] > x[axis]) reject(instruction);
  }
  const Strides strides = dense_strides(x);
  return gather(instruction, options, strides, dot(strides, start));
}

std::unique_ptr<Kernel> make_broadcast(const Instruction& instruction, const Options& options) {
  check(instruction);
  const Shape& x = instruction.inputs[0].shape;
  const Shape& y = instruction.outputs[0].shape;
  if (x.size() > y.size()) reject(instruction);
  const std::size_t lead = y.size() - x.size();
  const Strides strides = dense_strides(x);
  Strides from(y.size(), 0);
  for (std::size_t axis = 0; axis < x.size(); ++axis) {
    if (x[axis] != 1 && x[axis] != y[lead + axis]) reject(instruction);
    if (x[axis] != 1) from[lead + axis] = strides[axis];
  }
  return gather(instruction, options, std::move(from));
}

std::unique_ptr<Kernel> make_pad(const Instruction& instruction, const Options& options) {
  check(instruction);
  const TensorSpec& x = instruction.inputs[0];
  const TensorSpec& y = instruction.outputs[0];
  const auto& before = get_ints(instruction, "before");
  if (before.size() != x.shape.size() || y.shape.size() != x.shape.size()) reject(instruction);
  for (std::size_t axis = 0; axis < before.size(); ++axis) {
    if (before[axis] < 0 || before[axis] + x.shape[axis] > y.shape[axis]) reject(instruction);
  }
  const Strides to = dense_strides(y.shape);
  StridedCopy copy(x.shape, to, dense_strides(x.shape), size_of(x.dtype), options.threads);
  std::vector<Part> parts;
  parts.push_back({0, dot(to, before), 0, std::move(copy)});
  const double value = get_double(instruction, "value");
  std::uint32_t word = 0;
  if (x.dtype == DType::float32) {
    const auto single = static_cast<float>(value);
    std::memcpy(&word, &single, sizeof word);
  } else {
    word = static_cast<std::uint32_t>(static_cast<std::int64_t>(value));
  }
  return movement(std::move(parts), instruction, true, word);
}

std::unique_ptr<Kernel> make_concatenate(const Instruction& instruction, const Options& options) {
  check(instruction, true);
  const TensorSpec& y = instruction.outputs[0];
  const std::int64_t axis = get_int(instruction, "axis");
  if (axis < 0 || axis >= static_cast<std::int64_t>(y.shape.size())) reject(instruction);
  const auto at = static_cast<std::size_t>(axis);
  const Strides to = dense_strides(y.shape);
  std::vector<Part> parts;
  std::int64_t position = 0;
  for (std::size_t i = 0; i < instruction.inputs.size(); ++i) {
    const TensorSpec& x = instruction.inputs[i];
    Shape expected = y.shape;
    if (x.shape.size() != y.shape.size()) reject(instruction);
    expected[at] = x.shape[at];
    if (x.shape != expected) reject(instruction);
    StridedCopy copy(x.shape, to, dense_strides(x.shape), size_of(x.dtype), options.threads);
    parts.push_back({i, position * to[at], 0, std::move(copy)});
    position += x.shape[at];
  }
  if (position != y.shape[at]) reject(instruction);
  return movement(std::move(parts), instruction);
}

// labels int32 (…), y (…, K) of any dtype: 1 at the label, 0 elsewhere; a label outside gives
// zeros.
class OneHot final : public Kernel {
 public:
  OneHot(std::int64_t rows, std::int64_t classes, DType dtype, int threads)
      : rows_(rows), classes_(classes), dtype_(dtype), threads_(threads) {}

  void bind(const Addresses& addresses) override {
    labels_ = static_cast<const std::int32_t*>(addresses.inputs[0]);
    y_ = static_cast<char*>(addresses.outputs[0]);
  }

  void run() override {
    const auto size = static_cast<std::int64_t>(size_of(dtype_));
    constexpr std::int64_t parallel_bytes = 65536;
    parallel_for(threads_, rows_, parallel_bytes / std::max<std::int64_t>(1, classes_ * size), 1,
                 [&](int, Range range) {
                   char* first = y_ + range.begin * classes_ * size;
                   std::memset(
                       first, 0,
                       static_cast<std::size_t>((range.end - range.begin) * classes_ * size));
                   for (std::int64_t i = range.begin; i < range.end; ++i) {
                     if (labels_[i] >= 0 && labels_[i] < classes_)
                       put_one(i * classes_ + labels_[i]);
                   }
                 });
  }

 private:
  void put_one(std::int64_t at) {
    if (dtype_ == DType::float32) {
      reinterpret_cast<float*>(y_)[at] = 1.0f;
    } else if (dtype_ == DType::uint8) {
      y_[at] = 1;
    } else {
      reinterpret_cast<std::uint32_t*>(y_)[at] = 1;
    }
  }

  std::int64_t rows_, classes_;
  DType dtype_;
  int threads_;
  const std::int32_t* labels_ = nullptr;
  char* y_ = nullptr;
};

std::unique_ptr<Kernel> make_one_hot(const Instruction& instruction, const Options& options) {
  if (instruction.inputs.size() != 1 || instruction.outputs.size() != 1 ||
      instruction.inputs[0].dtype != DType::int32) {
    reject(instruction);
  }
  const std::int64_t rows = instruction.inputs[0].elements();
  const std::int64_t classes = get_int(instruction, "classes");
  if (instruction.outputs[0].elements() != rows * classes) reject(instruction);
  return std::make_unique<OneHot>(rows, classes, instruction.outputs[0].dtype, options.threads);
}

}  // namespace

void register_movement_kernels(Registry& registry) {
  registry["copy"] = {.create = make_copy, .takes_bfloat16 = true};
  registry["reshape"] = {.create = make_copy, .takes_bfloat16 = true};
  registry["transpose"] = {.create = make_transpose, .takes_bfloat16 = true};
  registry["slice"] = {.create = make_slice, .takes_bfloat16 = true};
  registry["broadcast_to"] = {.create = make_broadcast, .takes_bfloat16 = true};
  registry["pad"] = {make_pad};
  registry["concatenate"] = {.create = make_concatenate, .takes_bfloat16 = true};
  registry["one_hot"] = {make_one_hot};
}

}  // namespace sloy
