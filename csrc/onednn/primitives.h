// What every kernel on oneDNN shares: the engine, dense descriptors, a primitive with its
// arguments.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <dnnl.hpp>

#include "core/kernel.h"

namespace sloy::onednn {

const dnnl::engine& cpu_engine();
dnnl::stream& cpu_stream();

using DataType = dnnl::memory::data_type;

DataType data_type(DType dtype);  // float32 or bfloat16

dnnl::memory::desc dense(const dnnl::memory::dims& dims);  // row-major float32

// Attributes with the scratchpad in our hands and, optionally, an activation as the epilogue. A
// ReLU is a PReLU of slope 0: oneDNN's own ReLU turns NaN into 0, and a diverged network would look
// sound. (The price: 0 for negative values is -0, and -infinity becomes NaN.)
dnnl::primitive_attr attributes_for(std::string_view activation);

// Hands out 64-byte aligned pieces of the scratch memory: sizes at creation, addresses at bind.
class ScratchLayout {
 public:
  std::size_t reserve(std::size_t bytes) {
    const std::size_t offset = bytes_;
    bytes_ += aligned(bytes);
    return offset;
  }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

// Where an argument of a primitive lives.
struct Location {
  enum class Kind { input, output, scratch, zero } kind;
  std::size_t index;  // of the operand, or the offset within scratch
};
inline Location input(std::size_t index) { return {Location::Kind::input, index}; }
inline Location output(std::size_t index) { return {Location::Kind::output, index}; }

struct Argument {
  int name;  // DNNL_ARG_...
  dnnl::memory::desc desc;
  Location place;
};

// What the epilogue of `attributes_for(activation)` reads; `axes` of the primitive's output.
std::vector<Argument> epilogue_arguments(std::string_view activation, std::size_t axes);

// A kernel that runs oneDNN primitives one after another. oneDNN fixes a primitive's threads from
// the OpenMP setting when it is created: create kernels inside a TeamSize (core/program.h). Memory
// objects and argument maps exist once: bind gives them their addresses, a run does nothing but
// execute.
class PrimitiveKernel : public Kernel {
 public:
  std::size_t scratch_bytes() const override { return scratch_.bytes(); }
  void bind(const Addresses& addresses) override;
  void run() override;

  // oneDNN's name for how the last primitive that is no reorder is computed.
  const std::string& implementation() const { return implementation_; }

 protected:
  Location reserve(std::size_t bytes) { return {Location::Kind::scratch, scratch_.reserve(bytes)}; }
  // The primitive of a description.
  template <class Primitive>
  void add(const typename Primitive::primitive_desc& description,
           const std::vector<Argument>& arguments) {
    implementation_ = description.impl_info_str();
    add(Primitive(description), arguments, description.scratchpad_desc());
  }
  void add_reorder(const dnnl::memory::desc& from, Location from_place,
                   const dnnl::memory::desc& to, Location to_place);

 private:
  void add(const dnnl::primitive& primitive, const std::vector<Argument>& arguments,
           const dnnl::memory::desc& scratchpad);

  struct Call {
    dnnl::primitive primitive;
    std::unordered_map<int, dnnl::memory> arguments;
    std::vector<std::pair<int, Location>> places;
  };

  ScratchLayout scratch_;
  std::vector<Call> calls_;
  std::string implementation_;
};

}  // namespace sloy::onednn
