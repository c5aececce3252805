// Random changes of the rows of a batch; key (2,) uint32, step () uint32. random_order: the rows of
// x (N, …) in a random order. random_mix: share · x + (1 - share) · x' of x (N, …) float32, x' the
// rows as by random_order. random_pick: values (M,) → y (…), each element one of them.
#include <cstring>
#include <utility>
#include <vector>

#include "kernels/augment.h"

namespace sloy {
namespace {

// Draws the order of n rows.
class RowOrder {
 public:
  explicit RowOrder(std::int64_t rows) : drawn_(static_cast<std::size_t>(rows)) {}

  void draw(Words key) {
    for (std::size_t i = 0; i < drawn_.size(); ++i) {
      const Words words = encrypted(key, i);
      drawn_[i] = {(static_cast<std::uint64_t>(words.w0) << 32) | words.w1, i};
    }
    std::sort(drawn_.begin(), drawn_.end());
  }

  std::size_t size() const { return drawn_.size(); }
  std::size_t operator[](std::size_t i) const { return drawn_[i].second; }

 private:
  std::vector<std::pair<std::uint64_t, std::size_t>> drawn_;  // word and row
};

class Order final : public RandomKernel {
 public:
  Order(const Instruction& instruction, const Options& options)
      : RandomKernel(instruction, options),
        order_(instruction.inputs[0].shape[0]),
        bytes_(order_.size() == 0 ? 0 : instruction.inputs[0].bytes() / order_.size()) {}

  void run() override {
    order_.draw(key());
    for (std::size_t i = 0; i < order_.size(); ++i) {
      std::memcpy(y<char>() + i * bytes_, x<char>() + order_[i] * bytes_, bytes_);
    }
  }

 private:
  RowOrder order_;
  std::size_t bytes_;
};

class Mix final : public RandomKernel {
 public:
  Mix(const Instruction& instruction, const Options& options)
      : RandomKernel(instruction, options),
        order_(instruction.inputs[0].shape[0]),
        rows_(instruction.inputs[0].shape[0]),
        size_(rows_ == 0 ? 0 : instruction.inputs[0].elements() / rows_) {}

  void bind(const Addresses& addresses) override {
    RandomKernel::bind({{addresses.inputs[0], addresses.inputs[2], addresses.inputs[3]},
                        addresses.outputs,
                        addresses.scratch});
    share_ = static_cast<const float*>(addresses.inputs[1]);
  }

  void run() override {
    order_.draw(key());
    const float share = *share_, rest = 1.0f - share;
    for_each(rows_, size_, [&](std::int64_t n) {
      const float* own = x<float>() + n * size_;
      const float* other =
          x<float>() + static_cast<std::int64_t>(order_[static_cast<std::size_t>(n)]) * size_;
      float* y = this->y<float>() + n * size_;
      for (std::int64_t i = 0; i < size_; ++i) y[i] = share * own[i] + rest * other[i];
    });
  }

 private:
  RowOrder order_;
  std::int64_t rows_, size_;  // numbers of a row
  const float* share_ = nullptr;
};

class Pick final : public RandomKernel {
 public:
  Pick(const Instruction& instruction, const Options& options)
      : RandomKernel(instruction, options),
        values_(instruction.inputs[0].elements()),
        elements_(instruction.outputs[0].elements()),
        bytes_(size_of(instruction.inputs[0].dtype)) {}

  void run() override {
    const Words words = key();
    for (std::int64_t i = 0; i < elements_; ++i) {
      const Words drawn = encrypted(words, static_cast<std::uint64_t>(i));
      const auto place = static_cast<std::size_t>(whole(drawn.w0, values_));
      std::memcpy(y<char>() + static_cast<std::size_t>(i) * bytes_, x<char>() + place * bytes_,
                  bytes_);
    }
  }

 private:
  std::int64_t values_, elements_;
  std::size_t bytes_;
};

template <class OfAny>
std::unique_ptr<Kernel> make_of_any(const Instruction& instruction, const Options& options) {
  check_random(instruction);
  if (instruction.inputs[0].shape.empty()) {
    throw std::invalid_argument(instruction.op + ": x must have an axis.");
  }
  return std::make_unique<OfAny>(instruction, options);
}

std::unique_ptr<Kernel> make_mix(const Instruction& instruction, const Options& options) {
  check_random(instruction, 4);
  const TensorSpec &x = instruction.inputs[0], &share = instruction.inputs[1];
  if (x.shape.empty() || x.dtype != DType::float32 || share.dtype != DType::float32 ||
      share.elements() != 1) {
    throw std::invalid_argument("random_mix: x must be float32 (N, …), share one number.");
  }
  return std::make_unique<Mix>(instruction, options);
}

}  // namespace

void register_augment_row_kernels(Registry& registry) {
  registry["random_order"] = {make_of_any<Order>};
  registry["random_mix"] = {make_mix};
  registry["random_pick"] = {make_of_any<Pick>};
}

}  // namespace sloy
