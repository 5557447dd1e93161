"""How the built-in model is made and measured: docs/builtin-model.md."""
