"""The command line: from words to rules, their arguments, and a report of each."""
