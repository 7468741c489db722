"""Finds for every condition of every shipped check the break of the fake product that turns it red."""
