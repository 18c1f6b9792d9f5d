"""The verb `tune`: a search for the settings of an application, by Optuna."""
