// The contract between the program (core/program.cpp) and the kernels (kernels/*.cpp,
// onednn/*.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sloy {

// bfloat16 is the upper half of a float32. It occurs inside the arena only: never in a variable, a
// column of data or an output that is read.
enum class DType : std::uint8_t { float32, int32, uint32, uint8, bfloat16 };

constexpr std::size_t size_of(DType dtype) {
  return dtype == DType::uint8 ? 1 : dtype == DType::bfloat16 ? 2 : 4;
}

DType dtype_named(std::string_view name);  // throws std::invalid_argument

using Shape = std::vector<std::int64_t>;

struct TensorSpec {
  DType dtype = DType::float32;
  Shape shape;

  std::int64_t elements() const {
    std::int64_t n = 1;
    for (const auto extent : shape) n *= extent;
    return n;
  }
  std::size_t bytes() const { return static_cast<std::size_t>(elements()) * size_of(dtype); }
};

// What Python may attach to an instruction.
using Attribute =
    std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>>;
using Attributes = std::map<std::string, Attribute, std::less<>>;

// One step of a program: which kernel, on tensors of which shapes. Dense row-major tensors only.
struct Instruction {
  std::string op;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  Attributes attributes;
};

std::int64_t get_int(const Instruction& instruction, std::string_view name);
double get_double(const Instruction& instruction, std::string_view name);
const std::string& get_string(const Instruction& instruction, std::string_view name);
const std::vector<std::int64_t>& get_ints(const Instruction& instruction, std::string_view name);
const std::vector<double>& get_doubles(const Instruction& instruction, std::string_view name);
bool has(const Instruction& instruction, std::string_view name);
bool flag(const Instruction& instruction, std::string_view name);  // there, and not 0

inline std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }
inline std::int64_t aligned_floats(std::int64_t floats) { return (floats + 15) / 16 * 16; }

// Addresses, fixed for the life of a program: every tensor is 64-byte aligned.
struct Addresses {
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  void* scratch =
      nullptr;  // shared by all kernels, at least scratch_bytes() long, contents not kept
};

// What the kernels that read and write a variable know of it from step to step. Forgotten whenever
// something else may have written it.
struct Known {
  bool finite = false;  // every element
};

// A kernel is created once per instruction (all checks and all allocation there, errors as
// std::invalid_argument), bound once to its addresses, and run once per step.
class Kernel {
 public:
  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  virtual ~Kernel() = default;

  // Whether the same bits come out at every number of threads.
  virtual bool any_threads() const { return false; }

  virtual std::size_t scratch_bytes() const { return 0; }
  virtual void bind(const Addresses& addresses) = 0;
  virtual void run() = 0;

  // Once bound: the variable that the kernel would know more of (it may learn it, and where it
  // writes the variable it keeps `Known` true), and what is known, where all who write it take
  // part.
  virtual const void* subject() const { return nullptr; }
  virtual void share(Known*) {}
};

struct Options {
  int threads = 1;
  bool any_threads = false;  // the same bits at every number of threads, see core/pieces.h
  // oneDNN's bfloat16 primitives also where the CPU has no such instructions (tests: they are
  // slower there than float32), see onednn/bfloat16.h.
  bool emulated_bfloat16 = false;
  bool updates = true;  // the program writes variables
};

using KernelFactory = std::unique_ptr<Kernel> (*)(const Instruction&, const Options&);

// How an instruction is done for some samples at a time: which inputs are cut along their first
// axis. Outputs are all cut, or all summed over the samples.
struct Cut {
  std::vector<bool> inputs;  // none where the instruction cannot be cut
  bool sums = false;
  std::int64_t fewest_samples = 1;  // that are worth a piece
};

// What the table holds of an op.
struct Registration {
  KernelFactory create;
  // Whether `create` sees bfloat16 tensors; it gives null where it has no kernel for them.
  bool takes_bfloat16 = false;
  // Null for ops whose kernels all give the same bits at every number of threads.
  Cut (*cut)(const Instruction&) = nullptr;
};

// The table from op name to kernels; filled by registry() (core/registry.cpp), which calls one
// `void register_<family>_kernels(Registry&)` per family.
using Registry = std::map<std::string, Registration, std::less<>>;

}  // namespace sloy
