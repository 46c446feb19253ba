"""What is kept: records, their archive, and the MLflow projection of them. Imports no torch."""
