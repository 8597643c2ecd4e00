"""Sending requests to an instance, in the two protocols of the contract.

Standard library only, and nothing of the SDK's own protocol code: a mistake there must not be
made twice and so go unnoticed.
"""
