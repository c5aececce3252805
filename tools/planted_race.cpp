// Two threads that share a sum: with an argument also one that nothing guards, which a sanitizer
// that works has to find; without, only what OpenMP's barriers guard, of which it has to be silent.
#include <cstdio>

int main(int count, char**) {
  int guarded = 0, unguarded = 0, half[2] = {0, 0};
  for (int turn = 0; turn < 200; ++turn) {
#pragma omp parallel num_threads(2)
    {
#pragma omp for
      for (int i = 0; i < 2; ++i) half[i] += i;
#pragma omp single
      guarded += half[0] + half[1];
      if (count > 1) unguarded += guarded;
    }
  }
  std::printf("%d %d\n", guarded, unguarded);
}
