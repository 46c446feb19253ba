"""Bundles: a submission, its records and all that belongs to them as one signed file, which another clone receives.

What arrives is untrusted bytes until everything in it was judged. Nothing of a submission is executed here.
"""
