"""Airflow upgraded under launches that are under way."""
