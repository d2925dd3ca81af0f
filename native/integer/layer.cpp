#include "integer/layer.hpp"

#include "base/failure.hpp"
#include "base/parallel.hpp"

#include <algorithm>

namespace j2kl {

namespace {

constexpr std::size_t most_channels = 1U << 12;

// The number of input elements that a thread copies, with zero padding, at a time:
// they should stay in its cache.
constexpr std::size_t strip_elements = 1U << 16;

// One thread is faster for fewer products than this.
constexpr std::size_t few_products = 1U << 22;

} // namespace

IntegerLayer::IntegerLayer(const std::int16_t *weights, const std::int32_t *bias, const std::int32_t *shift,
                           std::uint32_t outputs, std::uint32_t size, std::uint32_t inputs, std::int32_t low,
                           std::int32_t high)
    : outputs_(outputs), size_(size), inputs_(inputs), low_(low), high_(high)
{
    require(weights != nullptr && bias != nullptr && shift != nullptr, "");
    require(size == 1 || size == 3 || size == 5, "");
    require(outputs >= 1 && outputs <= most_channels && inputs >= 1 && inputs <= most_channels, "");
    require(INT16_MIN <= low && low <= high && high <= INT16_MAX, "");
    require(std::all_of(shift, shift + outputs, [](std::int32_t s) { return s >= 0 && s <= 30; }), "");
    const std::size_t groups = (outputs_ + group_channels - 1) / group_channels;
    const std::size_t blocks = (groups + block_groups - 1) / block_groups;
    for (std::size_t i = 0; i < blocks; ++i) { // similar sizes: a small block uses the processor less well
        const std::size_t first = groups * i / blocks * group_channels;
        const std::size_t end = std::min(groups * (i + 1) / blocks * group_channels, outputs_);
        blocks_.push_back(pack(weights, bias, shift, first, end - first));
    }
}

IntegerLayer::Block IntegerLayer::pack(const std::int16_t *weights, const std::int32_t *bias,
                                       const std::int32_t *shift, std::size_t first_channel,
                                       std::size_t channels) const
{
    Block block;
    block.first_channel = first_channel;
    block.channels = channels;
    block.groups = (channels + group_channels - 1) / group_channels;
    const std::size_t lanes = block.groups * group_channels;
    block.bias.resize(lanes);
    block.shift.resize(lanes);
    for (std::size_t c = 0; c < channels; ++c) {
        const std::int32_t bits = shift[first_channel + c];
        const std::uint32_t rounding = (std::uint32_t{1} << bits) >> 1;
        block.bias[c] =
            static_cast<std::int32_t>(static_cast<std::uint32_t>(bias[first_channel + c]) + rounding);
        block.shift[c] = bits;
    }
    const std::size_t run = size_ * inputs_; // a row of a filter; if odd, its last pair has one input
    std::vector<std::int16_t> pair(2 * lanes);
    for (std::size_t row = 0; row < size_; ++row) {
        for (std::size_t element = 0; element < run; element += 2) {
            std::fill(pair.begin(), pair.end(), std::int16_t{0});
            for (std::size_t c = 0; c < channels; ++c) {
                const std::int16_t *filter = weights + ((first_channel + c) * size_ + row) * run;
                pair[2 * c] = filter[element];
                pair[2 * c + 1] = element + 1 < run ? filter[element + 1] : std::int16_t{0};
            }
            // Skip pairs of zero weights: half the weights of a masked filter are zero.
            if (std::any_of(pair.begin(), pair.end(), [](std::int16_t w) { return w != 0; })) {
                block.pairs.push_back({static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(element)});
                block.weights.insert(block.weights.end(), pair.begin(), pair.end());
            }
        }
    }
    return block;
}

void IntegerLayer::apply(const std::int16_t *x, std::uint32_t height, std::uint32_t width,
                         const std::int16_t *residual, std::int16_t *y, Instructions instructions,
                         std::uint32_t threads) const
{
    const std::size_t total = std::size_t{height} * width;
    if (total == 0) {
        return;
    }
    const std::size_t products = total * outputs_ * inputs_ * size_ * size_;
    const std::size_t workers = products < few_products ? 1 : std::max(threads, std::uint32_t{1});
    const Planes planes = {x, residual, y, height, width};
    // Strips of rows, or of pixels for filters of size 1. Every thread gets several, so that the threads
    // finish at about the same time.
    const std::size_t rows = size_ == 1 ? total : height;
    const std::size_t row_elements = size_ == 1 ? inputs_ : (width + size_ - 1) * inputs_;
    const std::size_t strip =
        std::clamp<std::size_t>(strip_elements / row_elements, 1, (rows + 4 * workers - 1) / (4 * workers));
    parallel_for((rows + strip - 1) / strip, workers, [&](std::size_t index) {
        const std::size_t first = index * strip, count = std::min(strip, rows - first);
        if (size_ == 1) {
            apply_to_pixels(planes, first, count, instructions);
        } else {
            apply_to_rows(planes, first, count, instructions);
        }
    });
}

void IntegerLayer::apply_to_pixels(const Planes &planes, std::size_t first, std::size_t count,
                                   Instructions instructions) const
{
    const std::int16_t *input = planes.x + first * inputs_;
    Aligned<std::int16_t> copy;
    if (inputs_ % 2 != 0) { // the last pair reads one element past its pixel
        copy.assign(input, input + count * inputs_);
        copy.push_back(0);
        input = copy.data();
    }
    run(input, 0, planes, first, count, instructions);
}

void IntegerLayer::apply_to_rows(const Planes &planes, std::size_t first, std::size_t count,
                                 Instructions instructions) const
{
    const std::size_t reach = size_ / 2, elements = (planes.width + 2 * reach) * inputs_;
    Aligned<std::int16_t> strip((count + 2 * reach) * elements +
                                    1); // and one that the last pair may read
    for (std::size_t i = 0; i < count + 2 * reach; ++i) {
        const std::size_t row = first + i - reach; // wraps around above the plane, and is beyond it then too
        if (row < planes.height) {
            const std::int16_t *source = planes.x + row * planes.width * inputs_;
            std::copy_n(source, planes.width * inputs_, strip.data() + i * elements + reach * inputs_);
        }
    }
    for (std::size_t i = 0; i < count; ++i) {
        run(strip.data() + i * elements, elements, planes, (first + i) * planes.width, planes.width,
            instructions);
    }
}

void IntegerLayer::run(const std::int16_t *input, std::size_t row_elements, const Planes &planes,
                       std::size_t first_pixel, std::size_t pixels, Instructions instructions) const
{
    std::vector<std::ptrdiff_t> offsets;
    for (const Block &block : blocks_) {
        offsets.clear();
        for (const Pair &pair : block.pairs) {
            offsets.push_back(static_cast<std::ptrdiff_t>(pair.row * row_elements + pair.element));
        }
        const std::size_t at = first_pixel * outputs_ + block.first_channel;
        IntegerRow row = {};
        row.input = input;
        row.input_stride = static_cast<std::ptrdiff_t>(inputs_);
        row.offsets = offsets.data();
        row.weights = block.weights.data();
        row.pairs = offsets.size();
        row.groups = block.groups;
        row.bias = block.bias.data();
        row.shift = block.shift.data();
        row.low = low_;
        row.high = high_;
        row.residual = planes.residual != nullptr ? planes.residual + at : nullptr;
        row.output = planes.y + at;
        row.output_stride = static_cast<std::ptrdiff_t>(outputs_);
        row.channels = block.channels;
        row.pixels = pixels;
        convolve_row(row, instructions);
    }
}

} // namespace j2kl
