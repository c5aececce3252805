// Fixed pieces of work over one OpenMP team of constant size: same threads, same bits.
#pragma once

#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
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

// The pieces of one thread that nobody has begun. Each on a cache line of its own.
struct alignas(64) Queue {
  std::atomic<int> next{0};
  int end = 0;
};

// Runs body(thread, Range) for fixed pieces of [0, size), whose bounds are multiples of `unit`.
// Threads begin with their own share of the pieces, one behind the other, and then take over what
// others have not begun: cores differ in speed, always (in kind) or just now (other programs, other
// tenants of a server). Which thread does a piece must not matter to its results. Work below
// `serial_below` units stays on the calling thread, because a barrier would cost more than the
// work.
template <class Body>
void parallel_for(int threads, std::int64_t size, std::int64_t serial_below, std::int64_t unit,
                  Body&& body) {
  constexpr int most_queues = 64;
  constexpr std::int64_t pieces_of_thread = 8;
  if (threads == 1 || size < serial_below) {
    body(0, Range{0, size});
    return;
  }
  const std::int64_t units = (size + unit - 1) / unit;
  const auto pieces = static_cast<int>(std::min(units, threads * pieces_of_thread));
  const int queues = std::min(threads, most_queues);
  std::array<Queue, most_queues> queue;
  for (int q = 0; q < queues; ++q) {
    const Range own = part_of(pieces, queues, q);
    queue[q].next = static_cast<int>(own.begin);
    queue[q].end = static_cast<int>(own.end);
  }
#pragma omp parallel num_threads(threads)
  {
    const int thread = omp_get_thread_num();
    for (int turn = 0; turn < queues; ++turn) {
      Queue& from = queue[(thread + turn) % queues];
      for (int piece = from.next++; piece < from.end; piece = from.next++) {
        body(thread, part_of(size, pieces, piece, unit));
      }
    }
  }
}

// In how many parts to sum over `units`, each part with results of its own, so that free threads
// find work.
inline int parts_for(int threads, std::int64_t units) {
  constexpr std::int64_t parts_of_thread = 4;
  if (threads == 1) return 1;
  return static_cast<int>(std::clamp<std::int64_t>(units, 1, threads * parts_of_thread));
}

// Runs body(thread, part, Range) for the parts of [0, size), of which each is done whole.
template <class Body>
void for_each_part(int threads, int parts, std::int64_t size, std::int64_t unit, Body&& body) {
  parallel_for(threads, parts, 2, 1, [&](int thread, Range range) {
    for (auto part = static_cast<int>(range.begin); part < range.end; ++part) {
      body(thread, part, part_of(size, parts, part, unit));
    }
  });
}

}  // namespace sloy
