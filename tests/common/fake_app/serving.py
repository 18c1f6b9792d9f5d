"""Nothing is served."""

EXAMPLES = ["It's good."]


def endpoints(model, preprocessor):
    """Returns no endpoint that works."""
    return {"serve": (model, preprocessor)}
