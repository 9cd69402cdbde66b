"""The logs as views explore them: in pages, by search, by time, as a file; of a phase, or of all phases together."""
