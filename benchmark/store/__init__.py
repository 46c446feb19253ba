"""What is kept under `FMN_HOME`: where everything is, trained states by name, the lock, and what trainers hand over.

It never looks inside a state: reading weights is the scorer's business. It imports no torch.
"""
