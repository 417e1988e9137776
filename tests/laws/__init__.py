"""Laws that hold for every loss of the registry, whatever its parameters."""
