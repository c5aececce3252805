#include "onednn/bfloat16.h"

#include <map>
#include <mutex>

#include "onednn/primitives.h"

namespace sloy::onednn {
namespace {

struct Verdict {
  bool right;
  std::string reason;  // the implementation of a right one
};

struct Verdicts {
  std::mutex mutex;
  std::map<std::string, Verdict> by_name;
};

Verdicts& verdicts() {
  static Verdicts table;
  return table;
}

const Verdict* known(const std::string& name) {
  const std::scoped_lock lock(verdicts().mutex);
  const auto found = verdicts().by_name.find(name);
  return found == verdicts().by_name.end() ? nullptr : &found->second;  // entries never change
}

void remember(const std::string& name, bool right, const std::string& reason) {
  const std::scoped_lock lock(verdicts().mutex);
  verdicts().by_name.try_emplace(name, Verdict{right, reason});
}

}  // namespace

std::string bfloat16_support() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core:
    case dnnl::cpu_isa::avx512_core_vnni:
      return "emulated";
    case dnnl::cpu_isa::avx512_core_bf16:
    case dnnl::cpu_isa::avx512_core_fp16:
      return "avx512_bf16";
    case dnnl::cpu_isa::avx512_core_amx:
    case dnnl::cpu_isa::avx512_core_amx_fp16:
      return "amx";
    default:
      return "none";
  }
}

bool takes_bfloat16(const Options& options) {
  static const std::string support = bfloat16_support();
  return support != "none" && (support != "emulated" || options.emulated_bfloat16);
}

std::unique_ptr<Kernel> if_right(const std::string& name,
                                 const std::function<std::unique_ptr<PrimitiveKernel>()>& make,
                                 const Check& is_right) {
  const Verdict* verdict = known(name);
  if (verdict != nullptr && !verdict->right) return nullptr;
  std::unique_ptr<PrimitiveKernel> kernel;
  try {
    kernel = make();
    if (verdict != nullptr) return kernel;
    const std::string implementation = kernel->implementation();
    const bool slow = implementation.find("ref") != std::string::npos;
    const bool right = !slow && is_right(*kernel);
    remember(name, right, right ? implementation : (slow ? "slow: " : "wrong: ") + implementation);
    if (!right) return nullptr;
  } catch (const dnnl::error& error) {
    remember(name, false, std::string("unavailable: ") + error.what());
    return nullptr;
  }
  return kernel;
}

std::vector<std::pair<std::string, std::string>> bfloat16_checks() {
  const std::scoped_lock lock(verdicts().mutex);
  std::vector<std::pair<std::string, std::string>> checks;
  for (const auto& [name, verdict] : verdicts().by_name) checks.emplace_back(name, verdict.reason);
  return checks;
}

}  // namespace sloy::onednn
