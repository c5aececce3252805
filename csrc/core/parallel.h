// Fixed partitions over one OpenMP team of constant size: same threads, same bits.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace sloy {

struct Range {
  std::int64_t begin;
  std::int64_t end;
};

// Part `index` of `parts` of [0, size), in multiples of `unit` (the last part takes the rest).
inline Range part_of(std::int64_t size, int parts, int index, std::int64_t unit = 1) {
  const std::int64_t units = (size + unit - 1) / unit;
  const std::int64_t begin = units * index / parts * unit;
  const std::int64_t end = units * (index + 1) / parts * unit;
  return {std::min(begin, size), std::min(end, size)};
}

// Runs body(thread, Range) for a fixed partition of [0, size). Work below `serial_below` units
// stays on the calling thread, because a barrier would cost more than the work.
template <class Body>
void parallel_for(int threads, std::int64_t size, std::int64_t serial_below, std::int64_t unit,
                  Body&& body) {
  if (threads == 1 || size < serial_below) {
    body(0, Range{0, size});
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    const int index = omp_get_thread_num();
    body(index, part_of(size, threads, index, unit));
  }
}

}  // namespace sloy
