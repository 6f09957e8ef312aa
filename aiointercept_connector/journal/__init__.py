"""What was asked: the recorded requests, and the assertions on them."""
