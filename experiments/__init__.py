"""The laboratory: designs, sweeps, reports, the command line."""
