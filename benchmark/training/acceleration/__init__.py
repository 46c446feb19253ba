"""What makes training faster: CUDA graphs, compilation, prefetched views, and as many models at once as memory allows.

What an update computes is decided in `training`. Only compilation changes bits of a state; the state's key covers it.
"""
