"""Gradients computed forward in time, along with the state; BPTT, which goes backward, is in `bench.train.loop`.

The influence is the derivative of the state by the parameters.

rtrl   exact: carries the whole influence; for small cells
uoro   unbiased: carries a random outer product of two vectors in its place
eprop  biased: leaves out the paths through the recurrent matrix; for gated cells
"""
