"""Drills on the mail servers that people run, by server and case: python -m bench.drills.servers"""
