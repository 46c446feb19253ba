"""The served leaderboard: everything that imports Streamlit is in this folder.

It computes no number: tables come from `board`, drawings from `figures`.
"""
