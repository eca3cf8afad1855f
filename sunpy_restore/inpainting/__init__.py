"""Missing telemetry blocks of SOHO/LASCO."""
