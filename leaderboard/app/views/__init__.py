"""The pages of the served leaderboard, one file each."""
