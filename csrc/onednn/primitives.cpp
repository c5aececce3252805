#include "onednn/primitives.h"

#include <cstddef>
#include <stdexcept>

namespace sloy::onednn {

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& cpu_stream() {
  thread_local dnnl::stream stream(cpu_engine());  // a team's members run primitives at once
  return stream;
}

DataType data_type(DType dtype) {
  if (dtype == DType::float32) return DataType::f32;
  if (dtype == DType::bfloat16) return DataType::bf16;
  throw std::invalid_argument("oneDNN takes float32 and bfloat16 here");
}

dnnl::memory::desc dense(const dnnl::memory::dims& dims) {
  dnnl::memory::dims strides(dims.size(), 1);
  for (std::size_t axis = dims.size() - 1; axis > 0; --axis) {
    strides[axis - 1] = strides[axis] * dims[axis];
  }
  return {dims, dnnl::memory::data_type::f32, strides};
}

dnnl::primitive_attr attributes_for(std::string_view activation) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (activation.empty()) return attributes;
  dnnl::post_ops epilogue;
  if (activation == "relu") {
    epilogue.append_prelu(0);  // one slope for all
  } else {
    epilogue.append_eltwise(
        activation == "tanh" ? dnnl::algorithm::eltwise_tanh : dnnl::algorithm::eltwise_logistic,
        0.0f, 0.0f);
  }
  attributes.set_post_ops(epilogue);
  return attributes;
}

std::vector<Argument> epilogue_arguments(std::string_view activation, std::size_t axes) {
  if (activation != "relu") return {};
  return {{DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_WEIGHTS,
           dense(dnnl::memory::dims(axes, 1)),
           {Location::Kind::zero, 0}}};
}

void PrimitiveKernel::add(const dnnl::primitive& primitive, const std::vector<Argument>& arguments,
                          const dnnl::memory::desc& scratchpad) {
  Call& call = calls_.emplace_back(Call{primitive, {}, {}});
  const auto attach = [&call](const Argument& argument) {
    call.arguments.emplace(argument.name,
                           dnnl::memory(argument.desc, cpu_engine(), DNNL_MEMORY_NONE));
    call.places.emplace_back(argument.name, argument.place);
  };
  for (const Argument& argument : arguments) attach(argument);
  if (scratchpad.get_size() > 0) {
    attach({DNNL_ARG_SCRATCHPAD, scratchpad, reserve(scratchpad.get_size())});
  }
}

void PrimitiveKernel::add_reorder(const dnnl::memory::desc& from, Location from_place,
                                  const dnnl::memory::desc& to, Location to_place) {
  const dnnl::reorder::primitive_desc description(cpu_engine(), from, cpu_engine(), to,
                                                  attributes_for(""));
  add(dnnl::reorder(description), {{DNNL_ARG_FROM, from, from_place}, {DNNL_ARG_TO, to, to_place}},
      description.scratchpad_desc());
}

void PrimitiveKernel::bind(const Addresses& addresses) {
  alignas(64) static float zeros[16] = {};
  const auto address_of = [&addresses](Location place) -> void* {
    switch (place.kind) {
      case Location::Kind::input:
        return const_cast<void*>(addresses.inputs[place.index]);
      case Location::Kind::output:
        return addresses.outputs[place.index];
      case Location::Kind::zero:
        return zeros;
      default:
        return static_cast<std::byte*>(addresses.scratch) + place.index;
    }
  };
  for (Call& call : calls_) {
    for (const auto& [name, place] : call.places) {
      call.arguments.at(name).set_data_handle(address_of(place));
    }
  }
}

void PrimitiveKernel::run() {
  for (const Call& call : calls_) call.primitive.execute(cpu_stream(), call.arguments);
}

}  // namespace sloy::onednn
