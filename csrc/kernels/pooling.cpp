// Max and average pooling and their gradients: x, dx (N, H, W, C) · y, g (N, OH, OW, C), all dense.
// Maxima and their gradients in float32 or bfloat16, averages in float32.
#include "kernels/simd/pooling.h"

#include <algorithm>
#include <stdexcept>

#include "core/kernel.h"
#include "core/parallel.h"
#include "kernels/pick_isa.h"

namespace sloy {
namespace {

PoolShape shape_of(const Instruction& instruction, const Shape& x, const Shape& y) {
  const auto& window = get_ints(instruction, "window");
  const auto& stride = get_ints(instruction, "stride");
  const auto& padding = get_ints(instruction, "padding");
  if (x.size() != 4 || y.size() != 4 || window.size() != 2 || stride.size() != 2 ||
      padding.size() != 4) {
    throw std::invalid_argument(instruction.op +
                                ": images need four axes, `window` and `stride` two numbers, "
                                "`padding` four.");
  }
  PoolShape s{x[0],      x[1],      x[2],      x[3],       y[1],       y[2], window[0],
              window[1], stride[0], stride[1], padding[0], padding[2], true, false};
  if (has(instruction, "count_include_pad")) {
    s.count_padding = get_int(instruction, "count_include_pad") != 0;
  }
  if (has(instruction, "activation")) {
    const std::string& activation = get_string(instruction, "activation");
    if (activation != "relu" && !activation.empty()) {
      throw std::invalid_argument(instruction.op + ": `activation` (=" + activation +
                                  ") must be relu.");
    }
    s.relu = activation == "relu";
  }
  if (y[0] != s.n || y[3] != s.c || s.window_h < 1 || s.window_w < 1 || s.stride_h < 1 ||
      s.stride_w < 1 || s.oh != (s.h + padding[0] + padding[1] - s.window_h) / s.stride_h + 1 ||
      s.ow != (s.w + padding[2] + padding[3] - s.window_w) / s.stride_w + 1) {
    throw std::invalid_argument(instruction.op + ": the shapes of input and output do not fit.");
  }
  return s;
}

// Rows below which a second thread costs more than it saves.
std::int64_t serial_rows(std::int64_t floats_per_row) {
  constexpr std::int64_t floats_per_barrier = 16384;
  return floats_per_barrier / std::max<std::int64_t>(floats_per_row, 1) + 1;
}

class Pool : public Kernel {
 public:
  Pool(const PoolShape& shape, const Options& options)
      : shape_(shape), threads_(options.threads), kernels_(SLOY_PICK_ISA(pool_kernels)()) {}

  void bind(const Addresses& addresses) override { addresses_ = addresses; }

 protected:
  template <class T = float>
  const T* input(std::size_t index) const {
    return static_cast<const T*>(addresses_.inputs[index]);
  }
  template <class T = float>
  T* output() const {
    return static_cast<T*>(addresses_.outputs[0]);
  }
  std::int64_t line_floats() const {  // of each thread, a multiple of a cache line
    return (std::max(shape_.w, shape_.ow) * shape_.c + 15) / 16 * 16;
  }
  template <class T = float>
  T* line(int thread) const {
    return static_cast<T*>(addresses_.scratch) + thread * line_floats();
  }
  std::size_t line_bytes() const {
    return static_cast<std::size_t>(threads_ * line_floats()) * sizeof(float);
  }
  template <class Body>
  void over_output_rows(Body&& body) {
    const std::int64_t work = shape_.window_h * shape_.w * shape_.c;
    parallel_for(threads_, shape_.n * shape_.oh, serial_rows(work), 1, body);
  }
  template <class Body>
  void over_input_rows(Body&& body) {
    parallel_for(threads_, shape_.n * shape_.h, serial_rows(shape_.w * shape_.c), 1, body);
  }

  PoolShape shape_;
  int threads_;
  PoolKernels kernels_;
  Addresses addresses_;
};

template <class T>
const MaxPoolKernels<T>& of_type(const PoolKernels& kernels) {
  if constexpr (std::is_same_v<T, float>) {
    return kernels.max_float32;
  } else {
    return kernels.max_bfloat16;
  }
}

template <class T>
class MaxPool final : public Pool {
 public:
  using Pool::Pool;
  std::size_t scratch_bytes() const override { return line_bytes(); }
  void run() override {
    over_output_rows([this](int thread, Range rows) {
      of_type<T>(kernels_).max(output<T>(), input<T>(0), line<T>(thread), shape_, rows.begin,
                               rows.end);
    });
  }
};

class AveragePool final : public Pool {
 public:
  using Pool::Pool;
  std::size_t scratch_bytes() const override { return line_bytes(); }
  void run() override {
    over_output_rows([this](int thread, Range rows) {
      kernels_.average(output(), input(0), line(thread), shape_, rows.begin, rows.end);
    });
  }
};

class AveragePoolGrad final : public Pool {
 public:
  AveragePoolGrad(const PoolShape& shape, bool tanh, const Options& options)
      : Pool(shape, options), tanh_(tanh) {}

  std::size_t scratch_bytes() const override { return 2 * line_bytes(); }
  void run() override {
    if (shape_.tiles()) {
      over_output_rows([this](int thread, Range rows) {
        kernels_.average_grad_tiles(output(), input(0), tanh_ ? input(1) : nullptr,
                                    line(2 * thread), shape_, rows.begin, rows.end);
      });
      return;
    }
    over_input_rows([this](int thread, Range rows) {
      kernels_.average_grad(output(), input(0), line(thread), shape_, rows.begin, rows.end);
    });
  }

 private:
  bool tanh_;  // was averaged, and its gradient is applied too
};

template <class T>
class MaxPoolGrad final : public Pool {
 public:
  using Pool::Pool;

  std::size_t scratch_bytes() const override {
    if (shape_.tiles()) return 0;
    return static_cast<std::size_t>(shape_.n * shape_.oh * shape_.ow * shape_.c) *
           sizeof(std::int32_t);
  }

  void run() override {
    const T *x = input<T>(0), *y = input<T>(1), *g = input<T>(2);
    const MaxPoolKernels<T>& kernels = of_type<T>(kernels_);
    if (shape_.tiles()) {
      over_output_rows([&](int, Range rows) {
        kernels.max_grad_tiles(output<T>(), x, y, g, shape_, rows.begin, rows.end);
      });
      return;
    }
    auto* first = static_cast<std::int32_t*>(addresses_.scratch);
    over_output_rows(
        [&](int, Range rows) { kernels.first_maximum(first, x, y, shape_, rows.begin, rows.end); });
    over_input_rows([&](int, Range rows) {
      kernels.max_grad(output<T>(), first, y, g, shape_, rows.begin, rows.end);
    });
  }
};

void check_operands(const Instruction& instruction, std::size_t inputs) {
  if (instruction.inputs.size() != inputs || instruction.outputs.size() != 1) {
    throw std::invalid_argument(instruction.op + ": wrong number of inputs or outputs.");
  }
}

bool all_are(const Instruction& instruction, DType dtype) {
  const auto is = [dtype](const TensorSpec& tensor) { return tensor.dtype == dtype; };
  return is(instruction.outputs[0]) &&
         std::all_of(instruction.inputs.begin(), instruction.inputs.end(), is);
}

PoolShape forward_shape(const Instruction& instruction) {
  check_operands(instruction, 1);
  return shape_of(instruction, instruction.inputs[0].shape, instruction.outputs[0].shape);
}

std::unique_ptr<Kernel> make_max(const Instruction& instruction, const Options& options) {
  const PoolShape shape = forward_shape(instruction);
  if (all_are(instruction, DType::float32)) return std::make_unique<MaxPool<float>>(shape, options);
  if (!all_are(instruction, DType::bfloat16)) return nullptr;
  return std::make_unique<MaxPool<std::uint16_t>>(shape, options);
}

std::unique_ptr<Kernel> make_average(const Instruction& instruction, const Options& options) {
  return std::make_unique<AveragePool>(forward_shape(instruction), options);
}

std::unique_ptr<Kernel> make_average_grad(const Instruction& instruction, const Options& options) {
  check_operands(instruction, 1);
  return std::make_unique<AveragePoolGrad>(
      shape_of(instruction, instruction.outputs[0].shape, instruction.inputs[0].shape), false,
      options);
}

// The gradient of averages of a tanh, as that of what the tanh was of: from g and the tanh itself.
std::unique_ptr<Kernel> make_average_tanh_grad(const Instruction& instruction,
                                               const Options& options) {
  check_operands(instruction, 2);
  const Shape& x = instruction.outputs[0].shape;
  const PoolShape shape = shape_of(instruction, x, instruction.inputs[0].shape);
  if (!shape.tiles() || instruction.inputs[1].shape != x) {
    throw std::invalid_argument(instruction.op + ": windows of 2 x 2 must tile the tanh.");
  }
  return std::make_unique<AveragePoolGrad>(shape, true, options);
}

std::unique_ptr<Kernel> make_max_grad(const Instruction& instruction, const Options& options) {
  check_operands(instruction, 3);
  const PoolShape s =
      shape_of(instruction, instruction.inputs[0].shape, instruction.inputs[1].shape);
  if (all_are(instruction, DType::float32)) return std::make_unique<MaxPoolGrad<float>>(s, options);
  // Gradients of windows that overlap are added in float32 and rounded once.
  const bool overlap = s.stride_h < s.window_h || s.stride_w < s.window_w;
  if (overlap || !all_are(instruction, DType::bfloat16)) return nullptr;
  return std::make_unique<MaxPoolGrad<std::uint16_t>>(s, options);
}

}  // namespace

void register_pooling_kernels(Registry& registry) {
  registry["max_pool2d"] = {.create = make_max, .takes_bfloat16 = true};
  registry["average_pool2d"] = {make_average};
  registry["max_pool2d_grad"] = {.create = make_max_grad, .takes_bfloat16 = true};
  registry["average_pool2d_grad"] = {make_average_grad};
  registry["average_pool2d_tanh_grad"] = {make_average_tanh_grad};
}

}  // namespace sloy
