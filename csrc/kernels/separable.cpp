// conv2d_separable: a convolution of one pixel, one of every channel by itself behind it, and
// another of one pixel behind that, of which the first or the last may be missing, as in
// MobileNetV2's blocks. Some lines at a time, so that what lies between them, several times as wide
// as what is read and written, stays in the second-level cache.
// x (N, H, W, C); for each stage its weights as conv2d has them, then what of bias (O,), scale (O,)
// and residual, of y's shape, its words in `program` name; y (N, OH, OW, O).
#include <algorithm>
#include <array>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "core/parallel.h"
#include "core/registry.h"
#include "kernels/depthwise.h"
#include "kernels/pick_isa.h"
#include "kernels/product.h"
#include "kernels/product_form.h"
#include "kernels/simd/product.h"

namespace sloy {
namespace {

enum Stage : std::uint8_t { expand, depthwise, project };
constexpr std::array<std::string_view, 3> stage_names{"expand", "depthwise", "project"};

[[noreturn]] void reject(const std::string& why) {
  throw std::invalid_argument("conv2d_separable: " + why);
}

// Shapes of the stages, which of them there are, and where the operands of each begin.
struct Stages {
  std::array<ConvolutionShape, 3> shape;
  std::array<bool, 3> there{};
  std::array<std::size_t, 3> first{};
  std::size_t inputs = 1;
  TensorSpec y;
};

// The words of one stage: its name, `bias`, `scale`, `residual`, and an activation.
void read_stage(Stages& stages, const Instruction& instruction, const std::string& words) {
  std::istringstream text(words);
  std::string word;
  text >> word;
  const auto named = std::find(stage_names.begin(), stage_names.end(), word);
  if (named == stage_names.end()) reject("no stage is named `" + word + "`.");
  const auto index = static_cast<std::size_t>(named - stage_names.begin());
  FusedForm form;
  while (text >> word) {
    if (word == "bias") {
      form.bias = true;
    } else if (word == "scale") {
      form.scale = true;
    } else if (word == "residual") {
      form.residual = true;
    } else {
      form.activation = word;
    }
  }
  const std::size_t operands = 1U + form.bias + form.scale + form.residual;
  if (stages.inputs + operands > instruction.inputs.size()) reject("operands are missing.");
  const Shape& w = instruction.inputs[stages.inputs].shape;
  const Shape& x = stages.y.shape;
  if (w.size() != 4 || x.size() != 4) reject("images and weights must have four axes.");
  ConvolutionShape& s = stages.shape[index];
  s.form = form;
  s.factors = s.result = DType::float32;
  s.n = x[0], s.h = x[1], s.w = x[2], s.c = x[3];
  s.kh = w[0], s.kw = w[1], s.o = w[3];
  s.groups = 1, s.stride = {1, 1}, s.dilation = {1, 1}, s.padding = {0, 0, 0, 0};
  if (index == depthwise) {
    const auto& stride = get_ints(instruction, "stride");
    const auto& padding = get_ints(instruction, "padding");
    s.groups = s.c;
    s.stride = {stride.at(0), stride.at(1)};
    s.padding = {padding.at(0), padding.at(1), padding.at(2), padding.at(3)};
    if (std::min(stride[0], stride[1]) < 1) reject("`stride` must be at least 1.");
  } else if (s.kh != 1 || s.kw != 1) {
    reject("the window of the first and the last stage must be one pixel.");
  }
  if (w[2] != s.c / s.groups || (index == depthwise && s.o != s.c)) {
    reject("the channels do not fit.");
  }
  s.oh = (s.h + s.padding[0] + s.padding[1] - s.kh) / s.stride[0] + 1;
  s.ow = (s.w + s.padding[2] + s.padding[3] - s.kw) / s.stride[1] + 1;
  stages.y = {DType::float32, {s.n, s.oh, s.ow, s.o}};
  for (std::size_t k = 0; k < operands; ++k) {
    const TensorSpec& read = instruction.inputs[stages.inputs + k];
    const bool whole = form.residual && k == operands - 1;
    if (read.dtype != DType::float32 ||
        (k > 0 && read.elements() != (whole ? stages.y.elements() : s.o))) {
      reject("an operand does not fit.");
    }
  }
  stages.there[index] = true;
  stages.first[index] = stages.inputs;
  stages.inputs += operands;
}

Stages read(const Instruction& instruction) {
  if (instruction.inputs.empty() || instruction.outputs.size() != 1) {
    reject("wrong number of inputs or outputs.");
  }
  Stages stages;
  stages.y = instruction.inputs[0];
  std::istringstream program(get_string(instruction, "program"));
  for (std::string words; std::getline(program, words, ';');) {
    read_stage(stages, instruction, words);
  }
  if (!stages.there[depthwise] || stages.inputs != instruction.inputs.size() ||
      stages.y.shape != instruction.outputs[0].shape) {
    reject("the stages do not fit the operands.");
  }
  return stages;
}

// Scratch: the packed weights of the products; then for each thread their working memory, lines of
// the first stage's result, in turn, and of the second's.
class Separable final : public Kernel {
 public:
  Separable(const Stages& stages, const Options& options)
      : stages_(stages),
        middle_(stages.shape[depthwise]),
        threads_(options.threads),
        products_(SLOY_PICK_VECTOR_ISA(product_kernels)()),
        lines_(middle_),
        bands_(bands_for(threads_)) {
    for (const Stage stage : {expand, project}) {
      const ConvolutionShape& s = stages_.shape[stage];
      if (!stages_.there[stage]) continue;
      product_[stage] = {s.n * s.h * s.w, s.o, s.c, false, false, s.c, s.o, s.o};
      packed_[stage] = aligned_floats(products_.packed_floats(product_[stage]));
      work_ = std::max(work_, aligned_floats(products_.work_floats(product_[stage])));
    }
    together_ = lines_together();
    kept_ = stages_.there[expand]
                ? std::min((together_ - 1) * middle_.stride[0] + middle_.kh, middle_.h)
                : 0;
  }

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(packed_[expand] + packed_[project] +
                                    threads_ * thread_floats()) *
           sizeof(float);
  }
  bool any_threads() const override { return true; }

  void bind(const Addresses& addresses) override {
    addresses_ = addresses;
    for (std::size_t stage = 0; stage < 3; ++stage) {
      if (!stages_.there[stage]) continue;
      const auto first =
          addresses.inputs.begin() + static_cast<std::ptrdiff_t>(stages_.first[stage]);
      std::vector<const void*> operands{nullptr};
      operands.insert(operands.end(), first, addresses.inputs.end());
      weights_[stage] = static_cast<const float*>(operands[1]);
      ending_[stage] = ending_of(product_form_of(stages_.shape[stage].form), operands);
    }
    lines_.bind(weights_[depthwise], ending_[depthwise]);
  }

  void run() override {
    pack(expand), pack(project);
    parallel_for(threads_, middle_.n * bands_, 2, 1, [&](int thread, Range range) {
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        const Range rows =
            part_of(middle_.oh, static_cast<int>(bands_), static_cast<int>(i % bands_));
        compute(thread, i / bands_, rows);
      }
    });
  }

 private:
  static constexpr std::int64_t cache_floats = 64 << 10;  // of lines of a thread
  static constexpr std::int64_t fewest_pixels = 48;       // a block of the product
  static constexpr std::int64_t fewest_rows = 8;          // of a band: some are computed twice
  static constexpr std::int64_t bands_of_thread = 4;

  std::int64_t bands_for(std::int64_t threads) const {
    if (threads == 1) return 1;
    const std::int64_t wanted =
        (threads * bands_of_thread + middle_.n - 1) / std::max<std::int64_t>(middle_.n, 1);
    const std::int64_t needed = (threads + middle_.n - 1) / std::max<std::int64_t>(middle_.n, 1);
    return std::clamp<std::int64_t>(std::min(wanted, std::max(middle_.oh / fewest_rows, needed)), 1,
                                    std::max<std::int64_t>(middle_.oh, 1));
  }

  // Lines of the result at a time: as many as the cache holds, enough for a product.
  std::int64_t lines_together() const {
    const std::int64_t each = (stages_.there[expand] ? middle_.stride[0] * middle_.w : 0) +
                              (stages_.there[project] ? middle_.ow : 0);
    const std::int64_t fits = cache_floats / std::max<std::int64_t>(each * middle_.c, 1);
    const std::int64_t needed = (fewest_pixels + middle_.ow - 1) / middle_.ow;
    return std::clamp<std::int64_t>(std::max(fits, needed), 1,
                                    std::max<std::int64_t>(middle_.oh, 1));
  }

  std::int64_t expanded_line() const { return middle_.w * middle_.c; }
  std::int64_t kept_floats() const { return aligned_floats(kept_ * expanded_line()); }
  std::int64_t middle_floats() const {
    return stages_.there[project] ? aligned_floats(together_ * middle_.ow * middle_.c) : 0;
  }
  std::int64_t thread_floats() const { return work_ + kept_floats() + middle_floats(); }

  float* packed(Stage stage) const {
    return static_cast<float*>(addresses_.scratch) + (stage == project ? packed_[expand] : 0);
  }
  float* work(int thread) const {
    return packed(project) + packed_[project] + thread * thread_floats();
  }

  void pack(Stage stage) {
    if (packed_[stage] == 0) return;
    parallel_for(threads_, products_.panels(product_[stage]), 2, 1, [&](int, Range range) {
      products_.pack(packed(stage), weights_[stage], product_[stage], range.begin, range.end);
    });
  }

  // `pixels` of y from those of x; `pixel`: of the first in the image, where a residual is added.
  void multiply(Stage stage, int thread, float* y, const float* x, std::int64_t pixel,
                std::int64_t pixels) const {
    ProductShape shape = product_[stage];
    shape.m = pixels;
    const ProductBlocks blocks = products_.blocks(shape, 1);
    products_.multiply(y, x, packed_[stage] > 0 ? packed(stage) : weights_[stage],
                       ending_[stage].from(0, pixel * shape.n), work(thread), shape, blocks, 0,
                       blocks.count());
  }

  void compute(int thread, std::int64_t image, Range rows) const {
    const auto* x =
        static_cast<const float*>(addresses_.inputs[0]) +
        image * middle_.h * middle_.w * stages_.shape[stages_.there[expand] ? expand : depthwise].c;
    float* kept = work(thread) + work_;
    float* between = kept + kept_floats();
    const std::int64_t first_pixel = image * middle_.oh * middle_.ow;
    auto* y = static_cast<float*>(addresses_.outputs[0]) + first_pixel * stages_.y.shape[3];
    std::int64_t ready =
        std::max<std::int64_t>(rows.begin * middle_.stride[0] - middle_.padding[0], 0);
    for (std::int64_t row = rows.begin; row < rows.end; row += together_) {
      const std::int64_t end = std::min(row + together_, rows.end);
      if (stages_.there[expand]) {
        const std::int64_t needed =
            std::min((end - 1) * middle_.stride[0] - middle_.padding[0] + middle_.kh, middle_.h);
        while (ready < needed) {  // as far as the kept lines follow each other
          const std::int64_t place = ready % kept_, count = std::min(needed - ready, kept_ - place);
          const std::int64_t pixel = ready * middle_.w;
          multiply(expand, thread, kept + place * expanded_line(), x + pixel * product_[expand].k,
                   image * middle_.h * middle_.w + pixel, count * middle_.w);
          ready += count;
        }
      }
      float* to = stages_.there[project] ? between : y + row * middle_.ow * middle_.c;
      for (std::int64_t line = row; line < end; ++line) {
        lines_.compute(to + (line - row) * middle_.ow * middle_.c, line, Range{0, middle_.c},
                       [&](std::int64_t h) {
                         return stages_.there[expand] ? kept + h % kept_ * expanded_line()
                                                      : x + h * expanded_line();
                       });
      }
      if (stages_.there[project]) {
        multiply(project, thread, y + row * middle_.ow * product_[project].n, between,
                 first_pixel + row * middle_.ow, (end - row) * middle_.ow);
      }
    }
  }

  Stages stages_;
  ConvolutionShape middle_;
  int threads_;
  ProductKernels products_;
  DepthwiseLines lines_;
  std::int64_t bands_;
  std::array<ProductShape, 3> product_{};
  std::array<std::int64_t, 3> packed_{};
  std::int64_t work_ = 0, together_ = 1, kept_ = 0;
  std::array<const float*, 3> weights_{};
  std::array<Ending, 3> ending_{};
  Addresses addresses_;
};

std::unique_ptr<Kernel> make(const Instruction& instruction, const Options& options) {
  const Stages stages = read(instruction);
  if (!suits_depthwise(stages.shape[depthwise])) return nullptr;
  for (const Stage stage : {expand, project}) {
    if (stages.there[stage] && !suits_product(stages.shape[stage])) return nullptr;
  }
  return std::make_unique<Separable>(stages, options);
}

}  // namespace

void register_separable_kernels(Registry& registry) { registry["conv2d_separable"] = {make}; }

}  // namespace sloy
