"""The loop in virtual time and in memory, under an agreement that nobody has signed yet."""
