"""How the networks of a task are trained, scored and calibrated."""
