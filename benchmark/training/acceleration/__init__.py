"""What makes updates faster and changes no bit of them: captured graphs, compilation, prefetched views, memory plans.

What an update computes is decided in `training`.
"""
