"""Trains PyTorch models on finished shards; never imports Beam."""
