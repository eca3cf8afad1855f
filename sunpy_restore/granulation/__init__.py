"""Synthetic granulation."""
