"""What the recurrent layers of Keras accept and ours do not have: accepted where it asks for nothing, else refused in a sentence.

So a layer, or its configuration, can be taken over from Keras without losing a wish in silence.
"""

# Name: the values that ask for nothing, and what to do instead of another one.
_KERAS_ONLY = {
    "stateful": ((False, None), "pass the state yourself, from return_state=True to initial_state"),
    "unroll": ((False, None), "the loop is compiled by XLA, which needs no unrolling"),
    "use_cudnn": (
        ("auto", False, None),
        "there is no cuDNN kernel, so that every device computes the same; XLA compiles the loop (jit_compile=True)",
    ),
    "zero_output_for_mask": (
        (False, None),
        "a step that is not real repeats the last real output; multiply the output with the mask",
    ),
    "implementation": ((0, 1, 2, None), "there is one implementation, leave it out"),
    "time_major": ((False, None), "sequences are [batch, time, features]"),
    "weights": ((None,), "use set_weights after build"),
    **dict.fromkeys(
        ("input_shape", "input_dim", "input_length", "batch_size", "batch_shape", "batch_input_shape"),
        ((None,), "begin the model with keras.Input(shape)"),
    ),
}


def without_keras_only(layer, arguments):
    """Those of `arguments` that do not belong to Keras's recurrent layers alone.

    Args:
        layer: the layer that got them, for the message.
        arguments: dictionary of constructor arguments.

    Raises:
        ValueError: if one of them asks for something that the layers here do not do.
    """
    for name in arguments.keys() & _KERAS_ONLY.keys():
        neutral, instead = _KERAS_ONLY[name]
        value = arguments[name]
        if not any(value is each or (isinstance(value, (int, str)) and value == each) for each in neutral):
            accepted = " or ".join(repr(each) for each in neutral if each is not None) or "nothing"
            raise ValueError(f"{type(layer).__name__}: {name} must be {accepted}, got {value!r}: {instead}")
    return {name: value for name, value in arguments.items() if name not in _KERAS_ONLY}
