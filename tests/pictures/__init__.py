"""Plays a whole rehearsal by hand in a real browser, and takes pictures of what people see in Slack."""
