// Fixed pieces of work over one OpenMP team of constant size: same threads, same bits.
#pragma once

#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace sloy {

struct Range {
  std::int64_t begin;
  std::int64_t end;
};

// Keeps the OpenMP team of the calling thread at one size while it lives: oneDNN sizes its work by
// omp_get_max_threads(), and a team that changes its size is destroyed and created again.
class TeamSize {
 public:
  explicit TeamSize(int threads) : before_(omp_get_max_threads()) {
    if (before_ != threads) omp_set_num_threads(threads);
  }
  TeamSize(const TeamSize&) = delete;
  TeamSize& operator=(const TeamSize&) = delete;
  ~TeamSize() {
    if (omp_get_max_threads() != before_) omp_set_num_threads(before_);
  }

 private:
  int before_;
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

// Pieces in the order in which `thread` takes them: its own share, one behind the other, and then
// what others have not begun.
class Shares {
 public:
  Shares(int pieces, int threads) : queues_(std::min(threads, most_queues)) {
    for (int q = 0; q < queues_; ++q) {
      const Range own = part_of(pieces, queues_, q);
      queue_[q].next = static_cast<int>(own.begin);
      queue_[q].end = static_cast<int>(own.end);
    }
  }

  // Runs body(piece) for pieces that it takes, while wanted().
  template <class Body, class Wanted>
  bool take(int thread, Body&& body, Wanted&& wanted) {
    for (int turn = 0; turn < queues_; ++turn) {
      Queue& from = queue_[(thread + turn) % queues_];
      for (;;) {
        if (!wanted()) return false;
        const int piece = from.next++;
        if (piece >= from.end) break;
        body(piece);
      }
    }
    return true;
  }

 private:
  static constexpr int most_queues = 64;
  std::array<Queue, most_queues> queue_;
  int queues_;
};

// Whether other programs hold the cores. At the end of its work a team waits for each of its
// threads, and for one that has no core that takes until the scheduler gives it one, longer than
// most of our work. After such a wait the caller works alone for a while, longer each time. Threads
// that had gone to sleep come late anyway, which tells nothing.
class Crowd {
 public:
  using Clock = std::chrono::steady_clock;

  bool there() const { return until_ != Clock::time_point{} && Clock::now() < until_; }

  // The caller worked from `begin` to `end`, the last of its team until `back`.
  void saw(Clock::time_point begin, Clock::time_point end, Clock::time_point back) {
    using namespace std::chrono_literals;
    const bool awake = begin - last_ < 100us;
    last_ = back;
    const auto waited = back - end;
    if (!awake || waited < 200us || waited < (end - begin) / 2) return;
    const bool again = begin - until_ < alone_;
    alone_ = std::min<Clock::duration>(again ? 2 * alone_ : 2 * waited, 250ms);
    until_ = back + alone_;
  }

 private:
  Clock::time_point until_, last_;
  Clock::duration alone_{0};
};

inline constinit thread_local Crowd crowd;

// Runs body(thread, Range) for fixed pieces of [0, size), whose bounds are multiples of `unit`.
// Threads take over what others have not begun: cores differ in speed, always (in kind) or just now
// (other programs, other tenants of a server). Which thread does a piece must not matter to its
// results. What the body calls in turn stays on its thread. Work below `serial_below` units stays
// on the calling thread, because a barrier would cost more than the work.
template <class Body>
void parallel_for(int threads, std::int64_t size, std::int64_t serial_below, std::int64_t unit,
                  Body&& body) {
  constexpr std::int64_t pieces_of_thread = 8;
  if (threads == 1 || size < serial_below) {
    body(0, Range{0, size});
    return;
  }
  const std::int64_t units = (size + unit - 1) / unit;
  const auto count = static_cast<int>(std::min(units, threads * pieces_of_thread));
  Shares shares(count, threads);
  const auto on = [&](int thread) {
    return [&, thread](int piece) { body(thread, part_of(size, count, piece, unit)); };
  };
  if (crowd.there()) {
    const TeamSize alone(1);  // what the body calls stays on this thread, as inside a team
    if (shares.take(0, on(0), [] { return crowd.there(); })) return;
  }
  const auto begin = Crowd::Clock::now();
  Crowd::Clock::time_point end;
#pragma omp parallel num_threads(threads)
  {
    const int thread = omp_get_thread_num();
    shares.take(thread, on(thread), [] { return true; });
    if (thread == 0) end = Crowd::Clock::now();
  }
  crowd.saw(begin, end, Crowd::Clock::now());
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
