"""Graphs for other runtimes: `contract` says what is in a file and needs nothing; the rest writes files with torch."""
