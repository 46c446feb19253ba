"""The leaderboard: reads records, ranks them, draws them. It refuses to write into a store or to run a method."""
