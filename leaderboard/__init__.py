"""The leaderboard: reads records, ranks them, draws them. It never writes into a store and never runs a method."""
