"""What inference over models and test images needs of every evaluation, and who is separated from whom.

Pure. It knows areas per model and image and numbers with intervals, and no page.
"""
