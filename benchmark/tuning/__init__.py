"""Searching hyperparameters on validation images: which values are tried, how they are compared, what is written down.

It refuses to look at test images, and knows no method: a trial is trained and read as every evaluation is.
"""
