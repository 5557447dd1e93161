"""The report: what was found in a labelled file, on one page for people who have no terminal."""
