"""The leaderboard: reads records, ranks them, draws them. It refuses to write anything into a store or to run a method."""
