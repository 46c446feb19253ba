"""Records: their contents, signatures, archive and projection into MLflow, and the status of evaluations without one.

It trusts no record that it reads. It imports no torch.
"""
