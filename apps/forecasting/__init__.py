"""Forecasting: a table of measurements to a forecast with its uncertainty, past the end of the data."""
