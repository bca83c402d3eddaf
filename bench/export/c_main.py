"""The program in an exported file of C: from numbers on its standard input to numbers on its standard output."""

from __future__ import annotations

__all__ = ["c_main"]

_SYMBOLS = """\
  int symbol;
  while ((read = scanf("%d", &symbol)) == 1) {{
    if ({name}_step(&state, symbol, y) != 0) {{
      fprintf(stderr, "step %ld: there is no symbol %d; they are 0 to {last}\\n", step, symbol);
      return 1;
    }}
"""
_FEATURES = """\
  {real} x[{inputs}];
  while ((read = scanf("%{scan}", &x[at])) == 1) {{
    if (++at < {inputs}) continue;
    at = 0;
    {name}_step(&state, x, y);
"""
_MAIN = """\
#ifdef BENCH_MAIN
#include <stdio.h>

int main(void) {{
  static {name}_state state;
  {real} y[{outputs}];
  long step = 0;
  int read, at = 0;
  {name}_init(&state);
{reads}    ++step;
    for (int i = 0; i < {outputs}; ++i) printf(i ? " %.{digits}g" : "%.{digits}g", (double)y[i]);
    putchar('\\n');
    fflush(stdout);
  }}
  if (read != EOF || at != 0) {{
    fprintf(stderr, read == EOF ? "step %ld has too few numbers\\n" : "step %ld: that is no number\\n", step);
    return 1;
  }}
  return 0;
}}
#endif
"""


def c_main(name: str, real: str, inputs: int, outputs: int, symbols: int | None) -> str:
    """`main`, which is compiled where BENCH_MAIN is defined."""
    sizes = {"name": name, "real": real, "inputs": inputs, "outputs": outputs}
    sizes |= {"digits": 9 if real == "float" else 17, "scan": "f" if real == "float" else "lf"}
    reads = _FEATURES.format(**sizes) if symbols is None else _SYMBOLS.format(**sizes, last=symbols - 1)
    return _MAIN.format(**sizes, reads=reads)
