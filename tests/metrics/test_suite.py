"""Quality metrics compared with those of scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from j2klearn.metrics.suite import library, measure


@pytest.fixture(scope="module")
def noisy(grey):
    noise = np.random.default_rng(0).normal(0, 8, grey.shape)
    return np.clip(np.rint(grey + noise), 0, 255).astype(np.uint8)


def test_psnr_and_ssim_are_those_of_scikit_image(grey, noisy):
    values = measure(grey, noisy, 8)
    assert values["psnr"] == pytest.approx(peak_signal_noise_ratio(grey, noisy), abs=1e-4)
    similar = structural_similarity(
        grey, noisy, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert values["ssim"] == pytest.approx(similar, abs=2e-3)  # the two differ at the border
    assert values["ssim"] < values["ms-ssim"] < 1


def test_psnr_of_luma(rgb, grey, noisy):
    wrong = rgb.copy()
    wrong[..., 2] = np.roll(rgb[..., 2], 1, 0)
    values = measure(rgb, wrong, 8, ["psnr", "psnr-y"])
    planes = [image @ np.array([0.299, 0.587, 0.114]) for image in (rgb, wrong)]
    assert values["psnr-y"] == pytest.approx(peak_signal_noise_ratio(*planes, data_range=255), abs=0.5)
    assert values["psnr-y"] > values["psnr"] + 5  # only blue is wrong
    deep = [image.astype(np.uint16) * 257 for image in (rgb, wrong)]
    assert measure(*deep, 16, ["psnr-y"])["psnr-y"] == pytest.approx(values["psnr-y"], abs=0.5)
    of_grey = measure(grey, noisy, 8, ["psnr", "psnr-y"])
    assert of_grey["psnr-y"] == of_grey["psnr"]


def test_equal_pictures(rgb):
    values = measure(rgb, rgb, 8)
    assert values["psnr"] == 99
    assert values["ssim"] == pytest.approx(1, abs=1e-6)
    assert values["ms-ssim"] == pytest.approx(1, abs=1e-6)


def test_the_bit_depth_does_not_matter(grey, noisy):
    wide = measure(grey.astype(np.uint16) * 257, noisy.astype(np.uint16) * 257, 16)
    assert wide == pytest.approx(measure(grey, noisy, 8), abs=1e-4)


def test_small_pictures_have_fewer_metrics(grey, noisy):
    assert measure(grey[:100], noisy[:100], 8)["ms-ssim"] is None
    tiny = measure(grey[:8, :8], noisy[:8, :8], 8)
    assert tiny["ssim"] is None
    assert tiny["psnr"] > 0
    assert set(measure(grey, noisy, 8, ["psnr"])) == {"psnr"}


def test_the_library_is_named():
    assert library().startswith("pytorch-msssim ")
