"""Sentiment: a text in, its label out (many-to-one)."""
