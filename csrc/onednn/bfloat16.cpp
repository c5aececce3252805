#include "onednn/bfloat16.h"

#include <dnnl.hpp>

namespace sloy::onednn {

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

}  // namespace sloy::onednn
