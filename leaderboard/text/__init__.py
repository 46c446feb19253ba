"""Words that pages and files show: facts of a submission, the guide, the metrics' documentation, downloads.

It knows no page.
"""
