// Epochs: one program run after another over batches of gathered rows.
#pragma once

#include <functional>
#include <vector>

#include "core/program.h"

namespace sloy {

// Rows of an array that lies outside, fed to one input of each program.
struct Column {
  const std::byte* data = nullptr;
  std::size_t row_bytes = 0;
};

// A value per step, fed to one input of each program.
struct StepInput {
  const std::byte* data = nullptr;
  std::size_t bytes = 0;
};

struct BatchProgram {
  Program* program = nullptr;
  std::vector<std::size_t> column_places, step_places,
      output_places;  // in the order of the lists below
};

// Where an output's values go, step after step, one behind the other.
struct Record {
  std::byte* data = nullptr;
  std::size_t bytes_of_full_batch = 0;
  std::size_t bytes_of_last_batch = 0;
};

// `order` holds the rows of one epoch after another; each ends with its own partial batch.
struct Epochs {
  std::vector<Column> columns;
  std::vector<StepInput> step_inputs;
  std::vector<Record> records;
  const std::int64_t* order = nullptr;
  std::int64_t count = 1;
  std::int64_t samples = 0;  // of an epoch
  std::int64_t batch_size = 1;
  BatchProgram full, last;  // `last` runs the partial batch, if there is one
};

struct EpochsResult {
  Outcome outcome = Outcome::done;
  std::int64_t steps = 0;  // done, with their updates
};

// `poll(steps)` is called about every `poll_seconds`, between steps and, in long steps, before the
// step's first write; when it returns true the run ends there. All arguments have been checked by
// the caller.
EpochsResult run_epochs(const Epochs& epochs, double poll_seconds,
                        const std::function<bool(std::int64_t)>& poll);

}  // namespace sloy
