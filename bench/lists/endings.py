"""What takes large things apart: deletions, pruning, a filter's result into a group."""

import argparse


def run(asked: argparse.Namespace) -> None:
    raise NotImplementedError
