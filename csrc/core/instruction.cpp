#include <stdexcept>

#include "core/kernel.h"

namespace sloy {
namespace {

template <class T>
const T& get(const Instruction& instruction, std::string_view name, const char* kind) {
  const auto found = instruction.attributes.find(name);
  if (found != instruction.attributes.end()) {
    if (const T* value = std::get_if<T>(&found->second)) return *value;
  }
  throw std::invalid_argument(instruction.op + ": attribute `" + std::string(name) +
                              "` is missing or is not " + kind);
}

}  // namespace

DType dtype_named(std::string_view name) {
  if (name == "float32") return DType::float32;
  if (name == "int32") return DType::int32;
  if (name == "uint32") return DType::uint32;
  if (name == "uint8") return DType::uint8;
  if (name == "bfloat16") return DType::bfloat16;
  throw std::invalid_argument("the native engine has no dtype " + std::string(name));
}

std::int64_t get_int(const Instruction& instruction, std::string_view name) {
  return get<std::int64_t>(instruction, name, "an integer");
}

double get_double(const Instruction& instruction, std::string_view name) {
  return get<double>(instruction, name, "a number");
}

const std::string& get_string(const Instruction& instruction, std::string_view name) {
  return get<std::string>(instruction, name, "a string");
}

const std::vector<std::int64_t>& get_ints(const Instruction& instruction, std::string_view name) {
  return get<std::vector<std::int64_t>>(instruction, name, "a list of integers");
}

const std::vector<double>& get_doubles(const Instruction& instruction, std::string_view name) {
  return get<std::vector<double>>(instruction, name, "a list of numbers");
}

bool has(const Instruction& instruction, std::string_view name) {
  return instruction.attributes.find(name) != instruction.attributes.end();
}

bool flag(const Instruction& instruction, std::string_view name) {
  return has(instruction, name) && get_int(instruction, name) != 0;
}

}  // namespace sloy
