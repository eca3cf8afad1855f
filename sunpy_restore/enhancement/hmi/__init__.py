"""Knowledge of HMI Maps: product, coordinates, pixels, solar disk and scale of the values."""
