"""Programs that try a submission for a few updates: does it keep its promises, and what does an update cost.

They train nothing that is kept.
"""
