"""How good a reconstruction is: against itself and its videos."""
