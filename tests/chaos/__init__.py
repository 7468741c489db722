"""Real launches while their components are killed: what is lost, doubled or invented must be nothing."""
