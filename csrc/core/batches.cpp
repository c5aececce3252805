#include "core/batches.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "core/parallel.h"

namespace sloy {
namespace {

constexpr std::int64_t parallel_bytes = 65536;

void gather(std::byte* to, const Column& column, const std::int64_t* rows, std::int64_t count,
            int threads) {
  const auto bytes = static_cast<std::int64_t>(column.row_bytes);
  if (bytes == 0) return;
  parallel_for(threads, count, parallel_bytes / bytes + 1, 1, [&](int, Range range) {
    for (std::int64_t i = range.begin; i < range.end; ++i) {
      std::memcpy(to + i * bytes, column.data + rows[i] * bytes, column.row_bytes);
    }
  });
}

// Step number `step` of all, on `rows` samples.
void feed(const Epochs& epochs, const BatchProgram& batch, std::int64_t step,
          const std::int64_t* order, std::int64_t rows) {
  Program& program = *batch.program;
  for (std::size_t i = 0; i < epochs.columns.size(); ++i) {
    auto* to = static_cast<std::byte*>(program.address(batch.column_places[i]));
    gather(to, epochs.columns[i], order, rows, program.threads());
  }
  for (std::size_t i = 0; i < epochs.step_inputs.size(); ++i) {
    const StepInput& input = epochs.step_inputs[i];
    std::memcpy(program.address(batch.step_places[i]),
                input.data + static_cast<std::size_t>(step) * input.bytes, input.bytes);
  }
}

// Fills each thread's cache of small free blocks (glibc keeps 7 of each size). oneDNN's matrix
// product takes some MB from posix_memalign in each call and gives it back; glibc cuts off what
// aligning leaves over, up to 160 bytes on either side, and puts it into that cache while it has
// room. There it counts as in use, so the memory given back does not join its neighbours, the next
// call of the same size does not fit, and the heap grows by a whole buffer per call until the cache
// is full. With this a network 784-2048-2048-10 takes 199 MB at its peak, without it 251 MB.
void keep_heap_whole(int threads) {
  constexpr std::size_t smallest = 24, step = 16, sizes = 12, kept = 7;
#pragma omp parallel num_threads(threads)
  {
    std::array<void*, sizes * kept> blocks{};
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      blocks[i] = std::malloc(smallest + step * (i / kept));
      // Without a write the compiler would leave out the whole pair.
      if (blocks[i] != nullptr) *static_cast<volatile char*>(blocks[i]) = 0;
    }
    for (void* block : blocks) std::free(block);
  }
}

}  // namespace

EpochsResult run_epochs(const Epochs& epochs, double poll_seconds,
                        const std::function<bool(std::int64_t)>& poll) {
  using Clock = std::chrono::steady_clock;
  const auto interval = std::chrono::duration<double>(poll_seconds);
  auto polled = Clock::now();
  EpochsResult result;
  const Program* alone = nullptr;  // the one program that ran since anything else may have
  const std::function<bool()> interrupted = [&] {
    const auto now = Clock::now();
    if (now - polled < interval) return false;
    const bool stop = poll(result.steps);
    polled = Clock::now();
    alone = nullptr;
    return stop;
  };
  const TeamSize team(epochs.full.program != nullptr ? epochs.full.program->threads()
                                                     : epochs.last.program->threads());
  keep_heap_whole(omp_get_max_threads());
  std::vector<std::byte*> records;
  for (const Record& record : epochs.records) records.push_back(record.data);
  const std::int64_t end = epochs.count * epochs.samples;
  for (std::int64_t first = 0; first < end;) {
    const std::int64_t left = epochs.samples - first % epochs.samples;  // in the epoch
    const bool full = left >= epochs.batch_size;
    const std::int64_t rows = full ? epochs.batch_size : left;
    const BatchProgram& batch = full ? epochs.full : epochs.last;
    if (interrupted()) {
      result.outcome = Outcome::interrupted;
      return result;
    }
    if (batch.program != alone) batch.program->forget();
    alone = batch.program;
    feed(epochs, batch, result.steps, epochs.order + first, rows);
    result.outcome = batch.program->run(interrupted);
    if (result.outcome != Outcome::done) return result;
    for (std::size_t i = 0; i < records.size(); ++i) {
      const Record& record = epochs.records[i];
      const std::size_t bytes = full ? record.bytes_of_full_batch : record.bytes_of_last_batch;
      std::memcpy(records[i], batch.program->address(batch.output_places[i]), bytes);
      records[i] += bytes;
    }
    first += rows;
    ++result.steps;
  }
  return result;
}

}  // namespace sloy
