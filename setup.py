"""Lets Beam stage this project with --setup_file=./setup.py; pyproject.toml says the rest."""

import setuptools

setuptools.setup()
