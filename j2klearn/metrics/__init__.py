"""Picture quality and coding efficiency: PSNR, SSIM, MS-SSIM, SSIMULACRA2 and Bjontegaard deltas."""
