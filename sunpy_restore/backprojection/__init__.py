"""The dirty beam of STIX and of other Fourier imagers of X-rays."""
