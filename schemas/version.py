"""The version of Shardmill."""

VERSION = "0.2.0"
