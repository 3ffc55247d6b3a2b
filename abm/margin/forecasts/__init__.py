"""Forecasts of variance, and whether they are any good.

Models share `Forecaster` (`base`), are named in `models`, are put through time by `walk_forward`, and are judged by
`losses`, `mincer_zarnowitz` and `diebold_mariano`.  What is forecast is measured by `realised`.
"""
