"""Figures as Altair charts over plain rows, and their colours.

It knows no record and no page.
"""
