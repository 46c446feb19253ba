"""The projection of records into MLflow: what it shows of a record, where its store is, and how it gets there.

Nothing is ever ranked from what MLflow holds.
"""
