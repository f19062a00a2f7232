"""The agreement: the text that both teams sign, read, checked and turned into its contract."""
