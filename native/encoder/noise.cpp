#include "encoder/noise.hpp"

#include "base/failure.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace j2kl::picture {

namespace {

// Levels in which the noise is measured. The finest level often has no nonzero coefficients, and the coarsest levels have
// few coefficients.
constexpr std::uint32_t first_level = 2, last_level = 4;

// L2 norms of the 9/7 synthesis basis vectors of HL, LH and HH at these levels, in the normalisation of T.800.
constexpr double norms[3][3] = {
    {1.9968, 1.9968, 0.9672},
    {4.1833, 4.1833, 2.0793},
    {8.5341, 8.5341, 4.3005},
};

// Share of the nonzero magnitudes that lie below the measured one; smaller magnitudes than the second number are zero.
constexpr double quantile = 0.1;
constexpr float smallest = 1e-6F;

// The noise, in 8-bit grey levels, of a tile without nonzero coefficients.
constexpr double default_noise = 64.0;

// Components of fewer samples have too few coefficients for a measurement.
constexpr std::uint64_t fewest_samples = 32 * 32;

// A code is 80 for a noise of one 8-bit grey level, and rises by 8 when the noise doubles.
constexpr double one = 80, per_octave = 8;

// The value below which a share of the magnitudes lies, between two of them in single precision. Reorders them.
double lowest_of(std::vector<float> &magnitudes, double share)
{
    const double place = static_cast<double>(magnitudes.size() - 1) * share;
    const auto before = static_cast<std::size_t>(place);
    const auto at = magnitudes.begin() + static_cast<std::ptrdiff_t>(before);
    std::nth_element(magnitudes.begin(), at, magnitudes.end());
    const float low = *at, high = at + 1 == magnitudes.end() ? low : *std::min_element(at + 1, magnitudes.end());
    const double way = place - static_cast<double>(before);
    const float distance = high - low;
    return way < 0.5 ? low + distance * static_cast<float>(way) : high - distance * static_cast<float>(1 - way);
}

class Meter {
public:
    explicit Meter(const Coefficients &coarse) : coarse_(coarse), layout_(coarse.area, coarse.levels) {}

    // The noise of one tile in 8-bit grey levels: the median over the levels of their lowest subband.
    double noise(const Rect &tile)
    {
        std::vector<double> found; // logarithms
        for (std::uint32_t level = first_level; level <= std::min(last_level, coarse_.levels + 1); ++level) {
            double lowest = HUGE_VAL;
            for (std::size_t band = 0; band < details.size(); ++band) {
                const std::size_t size = collect(details[band], level, tile);
                if (!magnitudes_.empty()) {
                    // At high rates few coefficients are zero, and about as few are in the lowest nonzero cell.
                    const double nonzero = static_cast<double>(magnitudes_.size()) / static_cast<double>(size);
                    const double share = std::min(quantile, (1 - nonzero) / 2);
                    lowest = std::min(lowest, lowest_of(magnitudes_, share) * norms[level - first_level][band]);
                }
            }
            if (lowest < HUGE_VAL) {
                found.push_back(std::log(lowest));
            }
        }
        if (found.empty()) {
            return default_noise;
        }
        std::sort(found.begin(), found.end());
        const std::size_t half = found.size() / 2;
        return std::exp(found.size() % 2 != 0 ? found[half] : (found[half - 1] + found[half]) / 2);
    }

private:
    // Gathers the nonzero magnitudes of a tile in a subband, and returns the number of its coefficients.
    std::size_t collect(Band band, std::uint32_t level, const Rect &tile)
    {
        magnitudes_.clear();
        const Rect whole = coarse_.area.subband(band, level - 1); // the coefficients lack one level of the picture
        const Rect part = tile.subband(band, level);
        const float *const values = coarse_.values.data() + layout_.offset(band, level - 1);
        for (std::uint32_t y = part.y0; y < part.y1; ++y) {
            const float *const row = values + std::size_t{y - whole.y0} * whole.width();
            for (std::uint32_t x = part.x0; x < part.x1; ++x) {
                const float magnitude = std::fabs(row[x - whole.x0]);
                if (magnitude > smallest) {
                    magnitudes_.push_back(magnitude);
                }
            }
        }
        return static_cast<std::size_t>(part.size());
    }

    const Coefficients &coarse_;
    SubbandLayout layout_;
    std::vector<float> magnitudes_;
};

} // namespace

void measure_noise(const Coefficients &coarse, const TileGrid &tiles, std::uint8_t *codes)
{
    const auto count = static_cast<std::size_t>(tiles.count());
    if (tiles.image.size() < fewest_samples) {
        std::fill_n(codes, count, std::uint8_t{0});
        return;
    }
    Meter meter(coarse);
    for (std::size_t i = 0; i < count; ++i) {
        const double code = std::nearbyint(one + per_octave * std::log2(meter.noise(tiles.tile(i))));
        codes[i] = static_cast<std::uint8_t>(std::clamp(code, 1.0, 255.0));
    }
}

void measure_noise(Picture &picture, std::uint32_t threads, std::uint8_t *codes)
{
    const MainHeader &header = picture.header();
    if (header.levels < first_level) {
        throw Failure(J2KL_ERROR_UNSUPPORTED, "the noise is measured in files of at least two decomposition levels");
    }
    const auto tiles = static_cast<std::size_t>(header.tiles.count());
    for (std::uint32_t layer = 1; layer <= header.layers; ++layer) {
        picture.decode_coarse(layer, threads, [&](std::uint32_t component, const Coefficients &coarse) {
            measure_noise(coarse, header.tiles, codes + (std::size_t{component} * header.layers + layer - 1) * tiles);
        });
    }
}

} // namespace j2kl::picture
