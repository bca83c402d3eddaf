// What every generated kernel has: vectors and their functions. Before it stand the real type R, the integer I of its
// size, and the constants of its exponential function (bench/kernels/vectors.py).

#include <math.h>  // C's headers alone: some compilers would first build a C++ library
#include <stdlib.h>
#include <string.h>

#ifdef __AVX512F__
constexpr int BYTES = 64;
#else
constexpr int BYTES = 32;
#endif
constexpr int W = BYTES / sizeof(R);  // numbers in a vector
typedef long long Index;  // `long` has 32 bits on some systems
typedef R V __attribute__((vector_size(BYTES)));
typedef I K __attribute__((vector_size(BYTES)));

static inline V all(R x) { return x - V{}; }

template <int N> static inline V load(const R* p) {
  V v{};
  memcpy(&v, p, N * sizeof(R));
  return v;
}

template <int N> static inline void store(R* p, V v) { memcpy(p, &v, N * sizeof(R)); }

template <int N> static inline V first(V v) {  // the first N numbers, and zeros
  V kept{};
  memcpy(&kept, &v, N * sizeof(R));
  return kept;
}

static inline R sum(V v) {
  for (int half = W / 2; half; half /= 2)
    for (int k = 0; k < half; ++k) v[k] += v[k + half];
  return v[0];
}

template <int N> struct Count { static constexpr int value = N; };

// f(Count<N>, i) for each vector of a row of SIZE numbers; the last one may have fewer
template <int SIZE, class F> static inline void each(F f) {
  Index i = 0;
  for (; i + W <= SIZE; i += W) f(Count<W>(), i);
  if constexpr (SIZE % W != 0) f(Count<SIZE % W>(), i);
}

static inline void zero(R* p, Index n) { memset(p, 0, n * sizeof(R)); }
static inline void add(R* p, const R* q, Index n) {
  for (Index i = 0; i < n; ++i) p[i] += q[i];
}
static inline void swap(R*& a, R*& b) {
  R* c = a;
  a = b;
  b = c;
}

static inline V between(V x, R low, R high) {  // NaN stays
  x = (x < all(low)) ? all(low) : x;
  return (x > all(high)) ? all(high) : x;
}

// e^x = 2^k e^f with f = x - k ln 2 within half of ln 2 around 0
static inline V split(V x, K& bits) {
  V shifted = x * all(LOG2_E) + all(MAGIC);
  bits = (K)shifted;
  V k = shifted - all(MAGIC);
  return (x - k * all(LN_2_HIGH)) - k * all(LN_2_LOW);
}
static inline V small_expm1(V f) {
  V p = all(POLYNOMIAL[DEGREE]);
  for (int n = DEGREE - 1; n >= 0; --n) p = p * f + all(POLYNOMIAL[n]);
  return f + f * f * p;
}
static inline V power_of_2(K bits) { return (V)((bits << MANTISSA) + ONE); }

static inline V or_infinite(V x, V y) { return (x > all(HIGHEST)) ? all(R(INFINITY)) : y; }
static inline V exp_(V x) {
  K bits;
  V f = split(between(x, LOWEST, HIGHEST), bits);
  V half = power_of_2(bits - 1);
  return or_infinite(x, (small_expm1(f) * half + half) * all(2));
}
static inline V expm1_(V x) {
  K bits;
  V f = split(between(x, LOWEST, HIGHEST), bits);
  V half = power_of_2(bits - 1);
  return or_infinite(x, (small_expm1(f) * half + (half - all(R(0.5)))) * all(2));
}
static inline V sigmoid_(V x) {  // 1 / (1 + e^-x), where e^-x need not be infinite
  K bits;
  V f = split(between(-x, LOWEST, -LOWEST), bits);
  V scale = power_of_2(bits);
  return all(1) / (all(1) + (small_expm1(f) * scale + scale));
}
static inline V tanh_(V x) {  // (e^2x - 1) / (e^2x + 1), exact near 0
  K bits;
  V f = split(between(x + x, -SATURATED, SATURATED), bits);
  V scale = power_of_2(bits);
  V e = small_expm1(f) * scale + (scale - all(1));
  return e / (e + all(2));
}

// ln x = e ln 2 + ln m for x = m 2^e with m within the root of 2 around 1, and ln m = 2 (s + s^3/3 + s^5/5 + ...) for
// s = (m - 1) / (m + 1)
static inline V log_(V x) {
  const V y = (x < all(TINY)) ? x * all(R(I(1) << MANTISSA)) : x;  // numbers too small for a whole mantissa
  const K bits = (K)y - (ONE - SQRT_HALF_GAP);
  const K exponent = bits >> MANTISSA;
  const V m = (V)((K)y - (exponent << MANTISSA));
  V e = __builtin_convertvector(exponent, V);
  e = (x < all(TINY)) ? e - all(MANTISSA) : e;
  const V s = (m - all(1)) / (m + all(1)), ss = s * s;
  V series = all(R(1) / (2 * TERMS + 1));
  for (int n = TERMS - 1; n > 0; --n) series = series * ss + all(R(1) / (2 * n + 1));
  const V small = s + s * ss * series;
  V value = e * all(LN_2_HIGH) + (e * all(LN_2_LOW) + small * all(2));
  value = (x == all(0)) ? all(R(-INFINITY)) : value;
  value = (x < all(0)) ? all(R(NAN)) : value;
  return (x < all(R(INFINITY))) ? value : x;  // infinity and NaN
}
static inline V log1p_(V x) {  // what 1 + x is rounded by is put right by the last factor
  const V u = x + all(1), gained = u - all(1);
  const V value = (gained == all(0)) ? x : log_(u) * (x / gained);
  return (x < all(R(INFINITY))) ? value : x;
}
static inline V sign_(V x) { return (x > all(0)) ? all(1) : ((x < all(0)) ? all(-1) : all(0)); }
static inline V maximum_(V a, V b) { return (a >= b) ? a : ((a < b) ? b : a + b); }  // NaN of either
#define EACH(name, of_float, of_double) \
  static inline float one_##name(float x) { return of_float(x); } \
  static inline double one_##name(double x) { return of_double(x); } \
  static inline V name(V x) { \
    for (int k = 0; k < W; ++k) x[k] = one_##name(x[k]); \
    return x; \
  }
EACH(sqrt_, sqrtf, sqrt)
EACH(sin_, sinf, sin)
EACH(cos_, cosf, cos)
EACH(erf_, erff, erf)
EACH(atan_, atanf, atan)
static inline V pow_(V x, V y) {
  for (int k = 0; k < W; ++k) x[k] = sizeof(R) == sizeof(float) ? R(powf(x[k], y[k])) : R(pow(x[k], y[k]));
  return x;
}

// Products of all lanes by a matrix; they are compiled once for all kernels, from products.h
struct Factor {  // of depth times width numbers; where it is turned, the matrix in memory has its rows as columns
  const R* matrix;
  int depth, width;
  bool is_turned;
  R* panels;
};
struct Products {
  void (*begin)(Factor* factor, Index T);  // T products will follow, then the end
  void (*multiply)(Index B, const R* a, const Factor& factor, R* out, bool adds);
  void (*end)(Factor* factor);
};
