"""The gate for submissions: a directory is read as untrusted bytes, judged, and copied.

Nothing of a submission is executed here; `method` holds the contract and the loading inside a trainer.
"""
