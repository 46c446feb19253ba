"""Records: their contents, signatures and archive, and the status of evaluations without one.

It trusts no record that it reads. It imports no torch.
"""
