"""The version, where nothing has to be looked up to know it."""

VERSION = "0.1.0"
