// A compiled graph: kernels in order, bound once to fixed addresses, run once per step.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/kernel.h"

namespace sloy {

enum class Outcome { done, not_finite, interrupted };

// Zero-filled memory aligned to 64 bytes.
class Arena {
 public:
  explicit Arena(std::size_t bytes);
  std::byte* at(std::size_t offset) const { return memory_.get() + offset; }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  std::size_t bytes_;
  std::unique_ptr<std::byte, Free> memory_;
};

// Where a tensor lives: at an offset of the arena, or at an address outside that the caller keeps
// alive.
struct Place {
  void* address = nullptr;
  std::size_t offset = 0;
};

struct Step {
  Instruction instruction;
  std::vector<std::size_t> inputs;  // indices of places
  std::vector<std::size_t> outputs;
};

// Instructions [0, first_write) write into the arena only; then every guard scalar must be finite;
// instructions [first_write, end) write variables. So a stopped run leaves every variable as it
// was.
struct ProgramSpec {
  std::vector<Place> places;
  std::vector<Step> steps;
  // They make what the arena keeps of variables from run to run, and run where anything else may
  // have written those; the other steps keep it up with them.
  std::vector<Step> refreshing;
  std::size_t first_write = 0;
  std::vector<std::size_t> guard;  // places of float32 scalars
  std::size_t arena_bytes = 0;
  Options options;
};

class Program {
 public:
  // Creates and binds every kernel; errors as std::invalid_argument.
  explicit Program(ProgramSpec spec);

  // `interrupted` (may be empty) is asked between the instructions of long runs, before the first
  // write.
  Outcome run(const std::function<bool()>& interrupted);

  // To be called before a run where anything but this program may have written its variables.
  void forget();

  void* address(std::size_t place) const;
  // Copies an array to a place.
  void write(std::size_t place, const void* data, std::size_t bytes);
  // The same of n numbers; whether all of them are finite.
  bool write_finite(std::size_t place, const float* data, std::size_t n);
  std::size_t arena_bytes() const { return arena_.bytes(); }
  std::size_t scratch_bytes() const { return scratch_.bytes(); }
  int threads() const { return spec_.options.threads; }

  // One line per instruction with its mean time in microseconds over `runs` runs.
  std::vector<double> profile(int runs);

 private:
  bool guard_holds() const;
  void share_knowledge();
  void bind(Kernel& kernel, const Step& step);
  void refresh();

  ProgramSpec spec_;
  Arena arena_;
  std::vector<std::unique_ptr<Kernel>> kernels_, refreshing_;
  Arena scratch_;
  bool fresh_ = false;                  // what `refreshing_` makes is that of the variables
  std::map<const void*, Known> known_;  // of variables
  double last_seconds_ = 0.0;
};

}  // namespace sloy
