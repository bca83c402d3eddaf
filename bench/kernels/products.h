// Products of the lanes of a time step by a matrix: faster than those of BLAS, above all where matrix or lanes are few.
// Before it stands vectors.h.

typedef void (*gemm_t)(const char*, const char*, const int*, const int*, const int*, const R*, const R*, const int*,
                       const R*, const int*, const R*, R*, const int*);
static gemm_t gemm;  // of BLAS

// A factor in panels of WIDE columns, in which a row follows the other; zeros fill the last
constexpr int WIDE = 2 * W, TALL = BYTES == 64 ? 12 : 6;  // columns and rows whose sums fit the registers
constexpr Index FEW = 8;                                  // products that do not pay for the copy
static void begin(Factor* factor, Index T) {
  const Index depth = factor->depth, width = factor->width, panels = (width + WIDE - 1) / WIDE;
  const Index down = factor->is_turned ? 1 : width, across = factor->is_turned ? depth : 1;
  char* memory = T > FEW ? (char*)malloc(panels * depth * WIDE * sizeof(R) + sizeof(void*) + BYTES) : nullptr;
  if (!memory) {  // the matrix is taken as it lies
    factor->panels = nullptr;
    return;
  }
  R* p = factor->panels = (R*)(((size_t)memory + sizeof(void*) + BYTES - 1) / BYTES * BYTES);
  ((void**)p)[-1] = memory;
  for (Index j = 0; j < width; j += WIDE)
    for (Index i = 0; i < depth; ++i, p += WIDE) {
      const R* row = factor->matrix + i * down + j * across;
      if (j + WIDE > width) {
        for (Index c = 0; c < WIDE; ++c) p[c] = j + c < width ? row[c * across] : R(0);
      } else if (across == 1) {
        memcpy(p, row, WIDE * sizeof(R));
      } else {
        for (Index c = 0; c < WIDE; ++c) p[c] = row[c * across];
      }
    }
}
static void end(Factor* factor) {
  if (factor->panels) free(((void**)factor->panels)[-1]);
}

// out [rows, count] = a [rows, depth] times panels side by side, on top of what is there if it adds
template <int rows, int panels>
static inline void tile(const R* a, const R* panel, Index depth, Index width, R* out, Index count, bool adds) {
  V total[rows][2 * panels] = {};
  for (Index i = 0; i < depth; ++i) {
    V factor[2 * panels];
    for (int c = 0; c < 2 * panels; ++c) factor[c] = load<W>(panel + (c / 2 * depth + i) * WIDE + c % 2 * W);
    for (int r = 0; r < rows; ++r) {
      const V x = all(a[r * depth + i]);
      for (int c = 0; c < 2 * panels; ++c) total[r][c] += x * factor[c];
    }
  }
  for (int r = 0; r < rows; ++r, out += width)
    for (int c = 0; c < 2 * panels; ++c) {
      R* p = out + c * W;
      const Index rest = count - c * W;
      if (rest >= W) {
        store<W>(p, adds ? load<W>(p) + total[r][c] : total[r][c]);
      } else {
        for (Index k = 0; k < rest; ++k) p[k] = adds ? p[k] + total[r][c][k] : total[r][c][k];
      }
    }
}
template <int most>
static inline void tile_of(Index rows, const R* a, const R* panel, Index depth, Index width, R* out, Index count, bool adds) {
  if (rows == most) return tile<most, 1>(a, panel, depth, width, out, count, adds);
  if constexpr (most > 1) tile_of<most - 1>(rows, a, panel, depth, width, out, count, adds);
}
static void times_panels(Index B, const R* a, const R* panel, Index depth, Index width, R* out, bool adds) {
  constexpr int MANY = 4;  // panels for one lane, so that its sums do not wait for each other
  const Index tiles = (B + TALL - 1) / TALL;
  for (Index j = 0; j < width;) {
    const Index count = width - j;
    if (B == 1 && count > (MANY - 1) * WIDE) {
      tile<1, MANY>(a, panel, depth, width, out + j, count, adds);
      j += MANY * WIDE, panel += MANY * depth * WIDE;
      continue;
    }
    for (Index i = 0; i < tiles; ++i) {  // tiles of about the same number of rows
      const Index first = B * i / tiles, last = B * (i + 1) / tiles;
      tile_of<TALL>(last - first, a + first * depth, panel, depth, width, out + first * width + j, count, adds);
    }
    j += WIDE, panel += depth * WIDE;
  }
}

// A matrix [n, k] times the vector a, as the matrix lies
static void times_rows(const R* a, const R* w, R* out, Index n, Index k, bool adds) {
  constexpr int MANY = 4;  // rows at once
  for (Index row = 0; row < n; row += MANY, w += MANY * k) {
    const int rows = n - row < MANY ? n - row : MANY;
    V total[MANY] = {};
    R rest[MANY] = {};
    Index i = 0;
    for (; i + W <= k; i += W)
      for (int r = 0; r < MANY; ++r)
        if (r < rows) total[r] += load<W>(w + r * k + i) * load<W>(a + i);
    for (; i < k; ++i)
      for (int r = 0; r < rows; ++r) rest[r] += w[r * k + i] * a[i];
    for (int r = 0; r < rows; ++r) out[row + r] = sum(total[r]) + rest[r] + (adds ? out[row + r] : 0);
  }
}

static void multiply(Index B, const R* a, const Factor& factor, R* out, bool adds) {
  const int depth = factor.depth, width = factor.width, lanes = B;
  if (factor.panels) return times_panels(B, a, factor.panels, depth, width, out, adds);
  if (B == 1 && factor.is_turned) return times_rows(a, factor.matrix, out, width, depth, adds);
  const R one = 1, beta = adds;
  const char* turned = factor.is_turned ? "T" : "N";
  const int* stride = factor.is_turned ? &depth : &width;
  gemm(turned, "N", &width, &lanes, &depth, &one, factor.matrix, stride, a, &depth, &beta, out, &width);
}

extern "C" const Products* products(gemm_t of_blas) {
  static const Products all{begin, multiply, end};
  gemm = of_blas;
  return &all;
}

// The same of matrices that lie in panels already, as those of a stream do
static void begin_packed(Factor* factor, Index) { factor->panels = (R*)factor->matrix; }
static void end_packed(Factor*) {}
extern "C" const Products* packed() {
  static const Products all{begin_packed, multiply, end_packed};
  return &all;
}
extern "C" Index panel_width() { return WIDE; }
