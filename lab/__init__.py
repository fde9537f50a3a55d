"""Where real faults are made: the example app in a scratch directory, on a free port."""
