#include "kernels/strided.h"

#include <algorithm>

#include "core/parallel.h"

namespace sloy {
namespace {

constexpr std::int64_t parallel_bytes = 65536;

// Where the walk stands before its last axis is entered.
struct Odometer {
  const Shape& shape;
  std::vector<std::int64_t> index;

  Odometer(const Shape& extents, std::int64_t row) : shape(extents), index(extents.size(), 0) {
    for (std::size_t axis = shape.size() - 1; axis-- > 0;) {
      index[axis] = row % shape[axis];
      row /= shape[axis];
    }
  }
  std::int64_t offset(const Strides& strides) const {
    std::int64_t sum = 0;
    for (std::size_t axis = 0; axis + 1 < shape.size(); ++axis) sum += index[axis] * strides[axis];
    return sum;
  }
  void next() {
    for (std::size_t axis = shape.size() - 1; axis-- > 0;) {
      if (++index[axis] < shape[axis]) return;
      index[axis] = 0;
    }
  }
};

template <class T>
void copy_row(T* to, const T* from, std::int64_t n, std::int64_t to_stride,
              std::int64_t from_stride) {
  if (to_stride == 1 && from_stride == 0) {
    std::fill_n(to, n, *from);
  } else {
    for (std::int64_t i = 0; i < n; ++i) to[i * to_stride] = from[i * from_stride];
  }
}

}  // namespace

void collapse(Shape& shape, std::vector<Strides>& operands) {
  Shape merged;
  std::vector<Strides> walks(operands.size());
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == 1) continue;
    bool joins = !merged.empty();
    for (std::size_t k = 0; joins && k < operands.size(); ++k) {
      joins = walks[k].back() == operands[k][axis] * shape[axis];
    }
    if (joins) {
      merged.back() *= shape[axis];
      for (std::size_t k = 0; k < operands.size(); ++k) walks[k].back() = operands[k][axis];
    } else {
      merged.push_back(shape[axis]);
      for (std::size_t k = 0; k < operands.size(); ++k) walks[k].push_back(operands[k][axis]);
    }
  }
  if (merged.empty()) {
    merged.push_back(1);
    for (Strides& walk : walks) walk.push_back(1);
  }
  shape = std::move(merged);
  operands = std::move(walks);
}

void expand(std::uint32_t* to, const char* from, std::size_t size, const Shape& shape,
            const Strides& strides, std::int64_t begin, std::int64_t n) {
  const std::int64_t extent = shape.back();
  const std::int64_t stride = strides.back();
  Odometer odometer(shape, begin / extent);
  std::int64_t j = begin % extent;
  while (n > 0) {
    const std::int64_t run = std::min(n, extent - j);
    const char* row =
        from + (odometer.offset(strides) + j * stride) * static_cast<std::int64_t>(size);
    if (stride == 0) {
      std::fill_n(to, run, word_at(row, size));
    } else if (stride == 1 && size == 4) {
      std::memcpy(to, row, static_cast<std::size_t>(run) * 4);
    } else {
      const std::int64_t step = stride * static_cast<std::int64_t>(size);
      for (std::int64_t i = 0; i < run; ++i) to[i] = word_at(row + i * step, size);
    }
    to += run;
    n -= run;
    j = 0;
    odometer.next();
  }
}

StridedCopy::StridedCopy(Shape shape, Strides to, Strides from, std::size_t size, int threads)
    : shape_(std::move(shape)), size_(size), threads_(threads) {
  std::vector<Strides> walks = {std::move(to), std::move(from)};
  collapse(shape_, walks);
  to_ = std::move(walks[0]);
  from_ = std::move(walks[1]);
  rows_ = 1;
  for (std::size_t axis = 0; axis + 1 < shape_.size(); ++axis) rows_ *= shape_[axis];
}

void StridedCopy::run(void* to, const void* from) const {
  auto* target = static_cast<char*>(to);
  const auto* source = static_cast<const char*>(from);
  const std::int64_t row_bytes = shape_.back() * static_cast<std::int64_t>(size_);
  if (rows_ * row_bytes == 0) return;
  if (rows_ == 1 && to_[0] == 1 && from_[0] == 1) {
    parallel_for(threads_, row_bytes, parallel_bytes, 64, [&](int, Range range) {
      std::memcpy(target + range.begin, source + range.begin,
                  static_cast<std::size_t>(range.end - range.begin));
    });
    return;
  }
  parallel_for(threads_, rows_, std::max<std::int64_t>(2, parallel_bytes / row_bytes), 1,
               [&](int, Range range) { run_rows(target, source, range.begin, range.end); });
}

void StridedCopy::run_rows(char* to, const char* from, std::int64_t begin, std::int64_t end) const {
  const std::int64_t n = shape_.back(), to_stride = to_.back(), from_stride = from_.back();
  const auto bytes = static_cast<std::int64_t>(size_);
  Odometer odometer(shape_, begin);
  for (std::int64_t row = begin; row < end; ++row, odometer.next()) {
    char* target = to + odometer.offset(to_) * bytes;
    const char* source = from + odometer.offset(from_) * bytes;
    if (to_stride == 1 && from_stride == 1) {
      std::memcpy(target, source, static_cast<std::size_t>(n * bytes));
    } else if (size_ == 4) {
      copy_row(reinterpret_cast<std::uint32_t*>(target),
               reinterpret_cast<const std::uint32_t*>(source), n, to_stride, from_stride);
    } else if (size_ == 2) {
      copy_row(reinterpret_cast<std::uint16_t*>(target),
               reinterpret_cast<const std::uint16_t*>(source), n, to_stride, from_stride);
    } else {
      copy_row(reinterpret_cast<std::uint8_t*>(target),
               reinterpret_cast<const std::uint8_t*>(source), n, to_stride, from_stride);
    }
  }
}

}  // namespace sloy
