// What every generated CUDA kernel has: functions of a number, sums over the threads of a block, a lane's products.
// Before it stands the real type R (bench/kernels/emit_cuda.py). It needs no other header.

#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fffffff)
#endif
typedef R V;
typedef long long Index;

#define all(x) V(x)  // CUDA has a function of this name

// One function a name, for either type: the compiler has tanhf and tanh
#define EACH(name, of_float, of_double) \
  static __device__ inline float name(float x) { return of_float(x); } \
  static __device__ inline double name(double x) { return of_double(x); }
EACH(exp_, expf, exp)
EACH(expm1_, expm1f, expm1)
EACH(tanh_, tanhf, tanh)
EACH(log_, logf, log)
EACH(log1p_, log1pf, log1p)
EACH(sqrt_, sqrtf, sqrt)
EACH(sin_, sinf, sin)
EACH(cos_, cosf, cos)
EACH(erf_, erff, erf)
EACH(atan_, atanf, atan)
static __device__ inline float pow_(float x, float y) { return powf(x, y); }
static __device__ inline double pow_(double x, double y) { return pow(x, y); }
static __device__ inline V sigmoid_(V x) { return V(1) / (V(1) + exp_(-x)); }
static __device__ inline V sign_(V x) { return V(x > 0) - V(x < 0); }
static __device__ inline V maximum_(V a, V b) { return a >= b ? a : (a < b ? b : a + b); }  // NaN of either

// The sum over the threads of a block, for each of them; the block is a row of whole warps
static __device__ __noinline__ V sum(V x) {
  __shared__ V parts[32];
  for (int step = 16; step; step /= 2) x += __shfl_down_sync(0xffffffffu, x, step);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
  __syncthreads();
  V total = 0;
  for (int warp = 0; warp < int(blockDim.x / 32); ++warp) total += parts[warp];
  __syncthreads();  // the parts of the next sum come into their place
  return total;
}

// out [width] = a [depth] w, on top of what is there if it adds, of w [depth, width]: a thread of the block a column
template <int width, int depth, bool adds> static __device__ void times(const R* a, const R* w, R* out) {
  for (int j = threadIdx.x; j < width; j += blockDim.x) {
    R total[4] = {adds ? out[j] : R(0)};  // sums that do not wait for each other
    int i = 0;
    for (; i + 4 <= depth; i += 4)
      for (int part = 0; part < 4; ++part) total[part] += a[i + part] * w[(i + part) * width + j];
    for (; i < depth; ++i) total[0] += a[i] * w[i * width + j];
    out[j] = (total[0] + total[1]) + (total[2] + total[3]);
  }
}
static __device__ inline void swap(R*& a, R*& b) {
  R* c = a;
  a = b;
  b = c;
}
