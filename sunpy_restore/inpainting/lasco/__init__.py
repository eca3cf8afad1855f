"""Knowledge of SOHO/LASCO: header, geometry, missing blocks and flat field."""
