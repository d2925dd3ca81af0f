"""Picture quality and coding efficiency: PSNR, SSIM, MS-SSIM and Bjontegaard deltas."""
