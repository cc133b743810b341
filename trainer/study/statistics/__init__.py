"""Numbers from answers: pure functions over `Answer` records."""
