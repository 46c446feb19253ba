"""What training draws from: named random streams, the order of batches, and the shared augmentation.

Where images come from is decided in `datasets`.
"""
