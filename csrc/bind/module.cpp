// The Python module `sloy._native`: the only file that knows nanobind. Few and wide calls; Python
// has checked names, shapes and dtypes before (engines/native).
#include <dnnl.h>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/batches.h"
#include "core/program.h"
#include "core/registry.h"
#include "kernels/isa.h"
#include "onednn/bfloat16.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using AnyArray = nb::ndarray<nb::c_contig, nb::device::cpu>;
using AnyReadOnlyArray = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using FloatArray = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
using Order = nb::ndarray<const std::int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

sloy::Attribute attribute_of(nb::handle value) {
  if (nb::isinstance<nb::bool_>(value)) return static_cast<std::int64_t>(nb::cast<bool>(value));
  if (nb::isinstance<nb::int_>(value)) return nb::cast<std::int64_t>(value);
  if (nb::isinstance<nb::float_>(value)) return nb::cast<double>(value);
  if (nb::isinstance<nb::str>(value)) return nb::cast<std::string>(value);
  std::vector<std::int64_t> ints;
  std::vector<double> doubles;
  for (const nb::handle item : value) {
    if (nb::isinstance<nb::int_>(item)) ints.push_back(nb::cast<std::int64_t>(item));
    doubles.push_back(nb::cast<double>(item));
  }
  if (ints.size() == doubles.size()) return ints;
  return doubles;
}

// (dtype, shape, place)
std::size_t read_tensor(nb::handle item, std::vector<sloy::TensorSpec>& specs) {
  const auto tuple = nb::cast<nb::tuple>(item);
  specs.push_back({sloy::dtype_named(nb::cast<std::string>(tuple[0])),
                   nb::cast<std::vector<std::int64_t>>(tuple[1])});
  return nb::cast<std::size_t>(tuple[2]);
}

// (op, inputs, outputs, attributes)
sloy::Step read_step(nb::handle item) {
  const auto tuple = nb::cast<nb::tuple>(item);
  sloy::Step step;
  step.instruction.op = nb::cast<std::string>(tuple[0]);
  for (const nb::handle input : tuple[1]) {
    step.inputs.push_back(read_tensor(input, step.instruction.inputs));
  }
  for (const nb::handle output : tuple[2]) {
    step.outputs.push_back(read_tensor(output, step.instruction.outputs));
  }
  for (const auto& [name, value] : nb::cast<nb::dict>(tuple[3])) {
    step.instruction.attributes.emplace(nb::cast<std::string>(name), attribute_of(value));
  }
  return step;
}

// Whether there is a kernel for (op, inputs, outputs, attributes), whose places do not count.
bool takes(nb::handle step) { return sloy::takes(read_step(step).instruction); }

// A program and the arrays outside its arena, which it keeps alive.
class BoundProgram {
 public:
  // places: an offset into the arena, or an array.
  BoundProgram(const nb::list& places, const nb::list& steps, std::size_t first_write,
               const std::vector<std::size_t>& guard, std::size_t arena_bytes, int threads,
               bool any_threads, bool emulated_bfloat16, const nb::list& refreshing) {
    sloy::ProgramSpec spec;
    for (const nb::handle place : places) {
      if (nb::isinstance<nb::int_>(place)) {
        spec.places.push_back({nullptr, nb::cast<std::size_t>(place)});
      } else {
        const auto array = nb::cast<AnyReadOnlyArray>(place);
        kept_.append(place);
        spec.places.push_back({const_cast<void*>(array.data()), 0});
      }
    }
    for (const nb::handle step : steps) spec.steps.push_back(read_step(step));
    for (const nb::handle step : refreshing) spec.refreshing.push_back(read_step(step));
    spec.first_write = first_write;
    spec.guard = guard;
    spec.arena_bytes = arena_bytes;
    const bool updates = first_write < spec.steps.size();
    spec.options = {threads, any_threads, emulated_bfloat16, updates};
    program_ = std::make_unique<sloy::Program>(std::move(spec));
  }

  sloy::Program& program() { return *program_; }

  void write(std::size_t place, const AnyReadOnlyArray& value) {
    program_->write(place, value.data(), value.nbytes());
  }
  bool write_finite(std::size_t place, const FloatArray& value) {
    return program_->write_finite(place, value.data(), value.size());
  }
  void read(std::size_t place, const AnyArray& value) const {
    std::memcpy(value.data(), program_->address(place), value.nbytes());
  }
  bool run() {
    nb::gil_scoped_release unlocked;
    program_->forget();
    return program_->run({}) == sloy::Outcome::done;
  }

 private:
  nb::list kept_;
  std::unique_ptr<sloy::Program> program_;
};

sloy::BatchProgram read_batch_program(nb::handle item) {
  sloy::BatchProgram batch;
  if (item.is_none()) return batch;
  const auto tuple = nb::cast<nb::tuple>(item);
  batch.program = &nb::cast<BoundProgram&>(tuple[0]).program();
  batch.column_places = nb::cast<std::vector<std::size_t>>(tuple[1]);
  batch.step_places = nb::cast<std::vector<std::size_t>>(tuple[2]);
  batch.output_places = nb::cast<std::vector<std::size_t>>(tuple[3]);
  return batch;
}

std::size_t row_bytes(const AnyReadOnlyArray& array) {
  return array.shape(0) == 0 ? 0 : array.nbytes() / array.shape(0);
}

// `order` (epochs, samples). Returns (outcome, steps, error).
nb::tuple run_batches(nb::handle full, nb::handle last,
                      const std::vector<AnyReadOnlyArray>& columns,
                      const std::vector<AnyReadOnlyArray>& step_inputs, const nb::list& records,
                      const Order& order, std::int64_t batch_size, double poll_seconds,
                      const nb::object& poll) {
  sloy::Epochs epochs;
  epochs.full = read_batch_program(full);
  epochs.last = read_batch_program(last);
  for (const auto& column : columns) {
    epochs.columns.push_back({static_cast<const std::byte*>(column.data()), row_bytes(column)});
  }
  for (const auto& input : step_inputs) {
    epochs.step_inputs.push_back({static_cast<const std::byte*>(input.data()), row_bytes(input)});
  }
  for (const nb::handle item : records) {  // (array, bytes of a full batch, bytes of the last one)
    const auto tuple = nb::cast<nb::tuple>(item);
    const auto array = nb::cast<AnyArray>(tuple[0]);
    epochs.records.push_back({static_cast<std::byte*>(array.data()),
                              nb::cast<std::size_t>(tuple[1]), nb::cast<std::size_t>(tuple[2])});
  }
  epochs.order = order.data();
  epochs.count = static_cast<std::int64_t>(order.shape(0));
  epochs.samples = static_cast<std::int64_t>(order.shape(1));
  epochs.batch_size = batch_size;

  nb::object error = nb::none();
  const auto ask = [&](std::int64_t steps) {
    nb::gil_scoped_acquire locked;
    try {
      if (PyErr_CheckSignals() != 0) nb::raise_python_error();
      if (!poll.is_none()) poll(steps);
    } catch (nb::python_error& raised) {
      error = nb::borrow(raised.value());
      return true;
    }
    return false;
  };
  sloy::EpochsResult result;
  if (order.size() > 0) {
    nb::gil_scoped_release unlocked;
    result = sloy::run_epochs(epochs, poll_seconds, ask);
  }
  const char* outcome = result.outcome == sloy::Outcome::done          ? "done"
                        : result.outcome == sloy::Outcome::interrupted ? "interrupted"
                                                                       : "not finite";
  return nb::make_tuple(outcome, result.steps, error);
}

std::vector<std::string> kernel_names() {
  std::vector<std::string> names;
  for (const auto& entry : sloy::registry()) names.push_back(entry.first);
  return names;
}

}  // namespace

NB_MODULE(_native, module) {
  // Objects that a script's globals hold until the interpreter ends are no leaks worth a message.
  nb::set_leak_warnings(false);
  nb::class_<BoundProgram>(module, "Program")
      .def(nb::init<const nb::list&, const nb::list&, std::size_t, const std::vector<std::size_t>&,
                    std::size_t, int, bool, bool, const nb::list&>(),
           "places"_a, "steps"_a, "first_write"_a, "guard"_a, "arena_bytes"_a, "threads"_a,
           "any_threads"_a = false, "emulated_bfloat16"_a = false, "refreshing"_a = nb::list())
      .def("write", &BoundProgram::write, "place"_a, nb::arg("value").noconvert(),
           "Copy an array to a place.")
      .def("write_finite", &BoundProgram::write_finite, "place"_a, nb::arg("value").noconvert(),
           "Copy an array of float32 to a place; whether every number is finite.")
      .def("read", &BoundProgram::read, "place"_a, nb::arg("value").noconvert(),
           "Copy a place into an array.")
      .def("run", &BoundProgram::run, "Run once; False where the guard stopped the run.")
      .def(
          "profile", [](BoundProgram& self, int runs) { return self.program().profile(runs); },
          "runs"_a, "Mean microseconds of each step; variables move, the guard is not asked.")
      .def_prop_ro("scratch_bytes",
                   [](BoundProgram& self) { return self.program().scratch_bytes(); })
      .def_prop_ro("arena_bytes", [](BoundProgram& self) { return self.program().arena_bytes(); });
  module.def("run_batches", &run_batches, "full"_a.none(), "last"_a.none(), "columns"_a,
             "step_inputs"_a, "records"_a, "order"_a, "batch_size"_a, "poll_seconds"_a,
             "poll"_a.none());
  module.def("kernel_names", &kernel_names, "Ops that have a kernel.");
  module.def("takes", &takes, "instruction"_a,
             "Whether an op has a kernel for these shapes on this instruction set.");
  module.def(
      "isa", [] { return std::string(sloy::simd::table().name); },
      "The instruction set of programs made now.");
  module.def("available_isas", &sloy::simd::available_isas,
             "Instruction sets of this build that this machine runs, widest first.");
  module.def(
      "force_isa", &sloy::simd::force_isa, "name"_a,
      "Take this instruction set for programs made from now on (tests; \"\" for the widest).");
  module.def("bfloat16_support", &sloy::onednn::bfloat16_support,
             "What computes bfloat16 here: none, emulated (on AVX-512), avx512_bf16 or amx.");
  module.def(
      "bfloat16_checks", &sloy::onednn::bfloat16_checks,
      "Each bfloat16 primitive tried by this process, and the implementation taken or why none.");
  module.def("onednn_version", [] {
    const dnnl_version_t* version = dnnl_version();
    return std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
           std::to_string(version->patch);
  });
  module.attr("version") = SLOY_VERSION;
}
