"""Detached or sintered: one axis of harm over categories or many, and is wording apart from category?"""
