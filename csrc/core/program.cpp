#include "core/program.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <set>
#include <stdexcept>

#include "core/finite_copy.h"
#include "core/parallel.h"
#include "core/pieces.h"
#include "core/registry.h"

namespace sloy {
namespace {

constexpr std::size_t alignment = 64;
constexpr double long_run_seconds = 0.02;

std::size_t round_up(std::size_t bytes) {
  return std::max(alignment, (bytes + alignment - 1) / alignment * alignment);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

using Kernels = std::vector<std::unique_ptr<Kernel>>;

Kernels create_kernels(const std::vector<Step>& steps, const Options& options) {
  const TeamSize team(options.threads);
  Kernels kernels;
  for (const Step& step : steps) {
    std::unique_ptr<Kernel> kernel;
    if (options.any_threads) kernel = in_pieces(step.instruction, options);
    kernels.push_back(kernel ? std::move(kernel) : create_kernel(step.instruction, options));
  }
  return kernels;
}

std::size_t scratch_bytes_of(const Kernels& kernels, const Kernels& others) {
  std::size_t bytes = 0;
  for (const Kernels* each : {&kernels, &others}) {
    for (const auto& kernel : *each) bytes = std::max(bytes, kernel->scratch_bytes());
  }
  return bytes;
}

}  // namespace

Arena::Arena(std::size_t bytes)
    : bytes_(bytes),
      memory_(static_cast<std::byte*>(std::aligned_alloc(alignment, round_up(bytes)))) {
  if (!memory_) throw std::bad_alloc();
  // oneDNN reads padding beside what it computes with; zeros keep NaN patterns out of it.
  std::memset(memory_.get(), 0, round_up(bytes));
}

void Arena::Free::operator()(std::byte* memory) const { std::free(memory); }

Program::Program(ProgramSpec spec)
    : spec_(std::move(spec)),
      arena_(spec_.arena_bytes),
      kernels_(create_kernels(spec_.steps, spec_.options)),
      refreshing_(create_kernels(spec_.refreshing, spec_.options)),
      scratch_(scratch_bytes_of(kernels_, refreshing_)) {
  for (std::size_t i = 0; i < kernels_.size(); ++i) bind(*kernels_[i], spec_.steps[i]);
  for (std::size_t i = 0; i < refreshing_.size(); ++i) {
    bind(*refreshing_[i], spec_.refreshing[i]);
  }
  share_knowledge();
}

void Program::bind(Kernel& kernel, const Step& step) {
  Addresses addresses;
  for (const auto place : step.inputs) addresses.inputs.push_back(address(place));
  for (const auto place : step.outputs) addresses.outputs.push_back(address(place));
  addresses.scratch = scratch_.at(0);
  kernel.bind(addresses);
}

void Program::share_knowledge() {
  std::set<const void*> variables;
  for (const Place& place : spec_.places) variables.insert(place.address);
  for (std::size_t i = 0; i < kernels_.size(); ++i) {
    for (const auto place : spec_.steps[i].outputs) {
      if (address(place) != kernels_[i]->subject()) variables.erase(address(place));
    }
  }
  for (const auto& kernel : kernels_) {
    const void* subject = kernel->subject();
    if (subject != nullptr && variables.contains(subject)) kernel->share(&known_[subject]);
  }
}

void Program::forget() {
  for (auto& [variable, known] : known_) known = {};
  fresh_ = false;
}

void Program::refresh() {
  if (fresh_) return;
  for (const auto& kernel : refreshing_) kernel->run();
  fresh_ = true;
}

void* Program::address(std::size_t place) const {
  const Place& where = spec_.places.at(place);
  return where.address != nullptr ? where.address : arena_.at(where.offset);
}

namespace {

// Lines that several cores have read are slow to write again, so each writes its share.
template <class Body>
void for_each_line(int threads, std::size_t bytes, Body&& body) {
  constexpr std::int64_t worth_a_barrier = 1 << 17, line = 64;
  parallel_for(threads, static_cast<std::int64_t>(bytes), worth_a_barrier, line,
               [&](int, Range range) {
                 body(static_cast<std::size_t>(range.begin),
                      static_cast<std::size_t>(range.end - range.begin));
               });
}

}  // namespace

void Program::write(std::size_t place, const void* data, std::size_t bytes) {
  auto* to = static_cast<std::byte*>(address(place));
  const auto* from = static_cast<const std::byte*>(data);
  for_each_line(threads(), bytes, [&](std::size_t begin, std::size_t count) {
    std::memcpy(to + begin, from + begin, count);
  });
}

bool Program::write_finite(std::size_t place, const float* data, std::size_t n) {
  auto* to = static_cast<float*>(address(place));
  std::atomic<bool> finite = true;
  for_each_line(threads(), n * sizeof(float), [&](std::size_t begin, std::size_t count) {
    const std::size_t first = begin / sizeof(float);
    const auto size = static_cast<std::int64_t>(count / sizeof(float));
    if (!finite_copy(to + first, data + first, size)) finite = false;
  });
  return finite;
}

bool Program::guard_holds() const {
  return std::all_of(spec_.guard.begin(), spec_.guard.end(), [this](std::size_t place) {
    float value;
    std::memcpy(&value, address(place), sizeof value);
    return std::isfinite(value);
  });
}

Outcome Program::run(const std::function<bool()>& interrupted) {
  const TeamSize team(spec_.options.threads);
  const auto start = std::chrono::steady_clock::now();
  const bool known_as_short = last_seconds_ > 0.0 && last_seconds_ <= long_run_seconds;
  const bool ask = interrupted && !known_as_short;
  refresh();
  for (std::size_t i = 0; i < spec_.first_write; ++i) {
    kernels_[i]->run();
    if (ask && interrupted()) return Outcome::interrupted;
  }
  if (!guard_holds()) return Outcome::not_finite;
  for (std::size_t i = spec_.first_write; i < kernels_.size(); ++i) kernels_[i]->run();
  last_seconds_ = seconds_since(start);
  return Outcome::done;
}

std::vector<double> Program::profile(int runs) {
  const TeamSize team(spec_.options.threads);
  forget();
  refresh();
  if (!known_.empty()) {  // as in a run of many steps
    for (const auto& kernel : kernels_) kernel->run();
  }
  std::vector<double> seconds(kernels_.size(), 0.0);
  for (int run = 0; run < runs; ++run) {
    for (std::size_t i = 0; i < kernels_.size(); ++i) {
      const auto start = std::chrono::steady_clock::now();
      kernels_[i]->run();
      seconds[i] += seconds_since(start);
    }
  }
  for (double& value : seconds) value *= 1e6 / runs;
  return seconds;
}

}  // namespace sloy
