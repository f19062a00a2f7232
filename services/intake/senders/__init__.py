"""The senders that intake understands, a file each: how it proves itself, what it says."""
