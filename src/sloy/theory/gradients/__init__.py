"""Descent and backpropagation: ways of descent, what a gradient costs, one step by hand (L7-L10)."""
