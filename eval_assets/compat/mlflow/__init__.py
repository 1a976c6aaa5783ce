"""`evaluate` is called as `mlflow.models.evaluate`, `genai.evaluate` as `mlflow.genai.evaluate`.

MLflow isn't needed and never imported. What differs is in docs/from-mlflow.md.
"""

from eval_assets.compat.mlflow import genai
from eval_assets.compat.mlflow.model_evaluation import evaluate

__all__ = ["evaluate", "genai"]
