"""Nothing is served."""


def endpoints(model, preprocessor):
    """Returns no endpoint that works."""
    return {"serve": (model, preprocessor)}


def questions(model, preprocessor):
    """Returns one question."""
    return {"all": {"text": ["It's good."]}}


def metadata(model, preprocessor):
    """Returns what goes with the export."""
    return {"class_names": ["bad", "good"], "run": "not this one"}
