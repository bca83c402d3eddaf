// What CUDA C needs to be compiled as C++, and to run on one thread of a CPU as the threads of a GPU would.
//
// Each thread of a block is a coroutine. It goes on until it meets the others, at __syncthreads or in a warp's shuffle;
// there it waits, as on a GPU, for those it has to wait for. One that waits for a thread that has ended is an error. Blocks
// and threads take their turns in order, or from the last one: what depends on the order is a race.
#include <math.h>
#include <stdlib.h>
#include <ucontext.h>

#define __global__
#define __device__
#define __noinline__
#define __shared__ static
#define __launch_bounds__(n)
struct Place { unsigned x = 0, y = 0; };
static Place threadIdx, blockIdx, blockDim, gridDim;

namespace emulated {
enum State { READY, AT_BARRIER, IN_WARP, ENDED };
struct Thread {
  ucontext_t context;
  Place place;
  State state;
};
static const size_t STACK = 1 << 16, MOST = 1024;
static ucontext_t scheduler;
static Thread threads[MOST];
static char stacks[MOST * STACK];
static size_t count, current;
static void (*kernel)(void**);
static void** given;

static void enter() {
  kernel(given);
  threads[current].state = ENDED;
}
static void wait(State state) {
  threads[current].state = state;
  swapcontext(&threads[current].context, &scheduler);
}
static bool all_are(State state, size_t first, size_t last) {
  for (size_t i = first; i < last; ++i)
    if (threads[i].state != state) return false;
  return true;
}
// 0, or 1 where threads wait for others that have ended
static int block(bool from_the_last) {
  for (size_t i = 0; i < count; ++i) {
    Thread& thread = threads[i];
    thread.state = READY;
    thread.place = {unsigned(i % blockDim.x), unsigned(i / blockDim.x)};
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = stacks + i * STACK;
    thread.context.uc_stack.ss_size = STACK;
    thread.context.uc_link = &scheduler;
    makecontext(&thread.context, enter, 0);
  }
  while (!all_are(ENDED, 0, count)) {
    bool moved = false;
    for (size_t n = 0; n < count; ++n) {
      current = from_the_last ? count - 1 - n : n;
      if (threads[current].state != READY) continue;
      moved = true;
      threadIdx = threads[current].place;
      swapcontext(&scheduler, &threads[current].context);
    }
    if (all_are(AT_BARRIER, 0, count)) {
      for (size_t i = 0; i < count; ++i) threads[i].state = READY;
      moved = true;
    }
    for (size_t warp = 0; warp < count; warp += 32)
      if (warp + 32 <= count && all_are(IN_WARP, warp, warp + 32)) {
        for (size_t i = warp; i < warp + 32; ++i) threads[i].state = READY;
        moved = true;
      }
    if (!moved) return 1;
  }
  return 0;
}
static int grid(const int* sizes, bool from_the_last) {
  gridDim = {unsigned(sizes[0]), unsigned(sizes[1])};
  blockDim = {unsigned(sizes[2]), unsigned(sizes[3])};
  count = size_t(blockDim.x) * blockDim.y;
  const size_t blocks = size_t(gridDim.x) * gridDim.y;
  for (size_t n = 0; n < blocks; ++n) {
    const size_t one = from_the_last ? blocks - 1 - n : n;
    blockIdx = {unsigned(one % gridDim.x), unsigned(one / gridDim.x)};
    if (block(from_the_last)) return 1;
  }
  return 0;
}
}  // namespace emulated

static inline void __syncthreads() { emulated::wait(emulated::AT_BARRIER); }
template <class N> static inline N __shfl_down_sync(unsigned, N x, int step) {
  using namespace emulated;
  const size_t me = current;
  static double shown[2][1024];  // by turns: a thread may be at the next exchange before another has read
  static unsigned char turn[1024];
  const int now = turn[me] ^= 1;
  shown[now][me] = x;
  wait(IN_WARP);
  return me % 32 + step < 32 ? N(shown[now][me + step]) : x;
}
// The function launch_NAME(sizes, from_the_last, addresses of the arguments) of a kernel, called with all of these
#define LAUNCHED(name, ...) \
  extern "C" int launch_##name(const int* sizes, int from_the_last, void** arguments) { \
    emulated::given = arguments; \
    emulated::kernel = [](void** given) { name(__VA_ARGS__); }; \
    return emulated::grid(sizes, from_the_last); \
  }
