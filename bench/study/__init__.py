"""Many runs: sweeps, and the tables at their end."""
