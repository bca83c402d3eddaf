"""How the gradient goes through time: backward (BPTT, in `bench.train.loop`), or forward along with the state.

rtrl   exact, by the influence of every parameter on the state; for small cells
uoro   unbiased, by a random product of two vectors in its place
eprop  without the paths through the recurrent matrix; for gated cells
"""
