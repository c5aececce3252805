#include "kernels/isa.h"

#include <atomic>
#include <stdexcept>

namespace sloy {
namespace baseline {
const simd::Table& table();
}
#if defined(__x86_64__)
namespace avx2 {
const simd::Table& table();
}
namespace avx512 {
const simd::Table& table();
}
#endif

namespace simd {
namespace {

std::vector<const Table*> available_tables() {
  std::vector<const Table*> tables;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2_and_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                            __builtin_cpu_supports("bmi2");
  if (avx2_and_fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    tables.push_back(&avx512::table());
  }
  if (avx2_and_fma) tables.push_back(&avx2::table());
#endif
  tables.push_back(&baseline::table());
  return tables;
}

std::atomic<const Table*>& chosen() {
  static std::atomic<const Table*> table{available_tables().front()};
  return table;
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Table* table : available_tables()) names.emplace_back(table->name);
  return names;
}

void force_isa(const std::string& name) {
  for (const Table* table : available_tables()) {
    if (name.empty() || name == table->name) {
      chosen() = table;
      return;
    }
  }
  throw std::invalid_argument("no instruction set `" + name + "` on this machine");
}

const Table& table() { return *chosen(); }

}  // namespace simd
}  // namespace sloy
