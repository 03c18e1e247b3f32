"""The version of Shardmill."""

VERSION = "0.1.0"
