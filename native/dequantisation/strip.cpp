#include "dequantisation/strip.hpp"

#include "integer/winograd.hpp"

#include <algorithm>
#include <cstring>

namespace j2kl::dequantisation {

namespace {

// Rows of a layer that are kept: two new rows of the next layer read two and their neighbours.
constexpr std::ptrdiff_t ring_rows = 4;

// Rows of samples over noise that are kept for the local mean.
constexpr std::ptrdiff_t mean_rows = 16;

// The last rows of a layer, channels innermost. Columns begin `margin` positions left of the strip.
class Ring {
public:
    Ring(std::size_t columns, std::size_t channels)
        : channels_(channels), row_(columns * channels), data_(static_cast<std::size_t>(ring_rows) * row_)
    {
    }

    std::int16_t *row(std::ptrdiff_t y)
    {
        return data_.data() + static_cast<std::size_t>(y & (ring_rows - 1)) * row_;
    }
    std::int16_t *at(std::ptrdiff_t y, std::ptrdiff_t column)
    {
        return row(y) + column * static_cast<std::ptrdiff_t>(channels_);
    }
    void clear(std::ptrdiff_t y) { std::fill_n(row(y), row_, std::int16_t{0}); }
    std::size_t channels() const { return channels_; }

private:
    std::size_t channels_, row_;
    std::vector<std::int16_t> data_;
};

class Strip {
public:
    Strip(const Network &network, const Component &component, Range rows, Range columns,
          Instructions instructions);
    void run();

private:
    // The area of a layer that the strip needs, inside the picture; layer 0 is the input.
    Range needed(std::ptrdiff_t layer, Range strip, std::ptrdiff_t end) const
    {
        const std::ptrdiff_t reach = layers_ - layer;
        return {std::max<std::ptrdiff_t>(strip.begin - reach, 0), std::min(strip.end + reach, end)};
    }
    bool inside(std::ptrdiff_t y) const { return y >= 0 && y < height_; }

    const std::int16_t *noise_at(std::ptrdiff_t y, std::ptrdiff_t x) const;
    void fetch(std::ptrdiff_t y);
    void inputs(std::ptrdiff_t y);
    void hidden(std::ptrdiff_t layer, std::ptrdiff_t y);
    void direct(const Convolution &layer, Ring &source, Ring *residual, Ring &target, std::ptrdiff_t y,
                Range columns, std::size_t count);
    void eight(const Convolution &layer, Ring &source, Ring *residual, Ring &target, std::ptrdiff_t y,
               Range columns, std::size_t count);
    void outputs(std::ptrdiff_t y);
    void correct(std::ptrdiff_t y);

    // Rows of samples over noise.
    std::int32_t *quotients(std::ptrdiff_t y)
    {
        return quotients_.data() + static_cast<std::size_t>(y & (mean_rows - 1)) * phases * stride_;
    }
    std::int32_t *means(std::ptrdiff_t y)
    {
        return means_.data() + static_cast<std::size_t>(y & (mean_rows - 1)) * stride_;
    }

    const Network &network_;
    const Component &component_;
    const Range rows_, columns_;
    const Instructions instructions_;
    const RowKernels &kernels_;
    const bool winograd_, eight_;
    const std::ptrdiff_t layers_;         // convolutions
    const std::ptrdiff_t height_, width_; // of the picture in positions
    const std::ptrdiff_t origin_;         // the column of the picture where the buffers begin
    const std::size_t stride_;            // columns of the buffers
    std::ptrdiff_t fetched_ = -1;         // the last row of samples over noise
    std::ptrdiff_t summed_ = -1;          // the row whose window has the sums
    std::vector<Ring> rings_;
    std::vector<std::int32_t> quotients_, means_, sums_, scratch_;
    std::vector<float> samples_, factors_, scales_;
    std::vector<std::int16_t> noise_, outputs_;
    std::vector<std::int16_t> inputs_scratch_;
    std::vector<std::int32_t> products_scratch_;
    std::vector<std::ptrdiff_t> offsets_;
};

std::ptrdiff_t first_position(std::int32_t from)
{
    return position_range(from, from).begin;
}

std::ptrdiff_t positions(std::int32_t from, std::int32_t to)
{
    const Range range = position_range(from, to);
    return range.end - range.begin;
}

Strip::Strip(const Network &network, const Component &component, Range rows, Range columns,
             Instructions instructions)
    : network_(network),
      component_(component),
      rows_(rows),
      columns_(columns),
      instructions_(instructions),
      kernels_(row_kernels(instructions)),
      winograd_(has_winograd(instructions)),
      eight_(has_eight_outputs(instructions)),
      layers_(static_cast<std::ptrdiff_t>(network.body.size()) + 2),
      height_(positions(component.y0, component.y1)),
      width_(positions(component.x0, component.x1)),
      origin_(columns.begin - layers_ - mean_reach - 1),
      stride_(static_cast<std::size_t>(columns.end - origin_ + layers_ + mean_reach) + winograd_columns + 2)
{
    rings_.emplace_back(stride_, input_channels);
    for (std::ptrdiff_t layer = 1; layer < layers_; ++layer) {
        rings_.emplace_back(stride_, network.channels);
    }
    quotients_.resize(static_cast<std::size_t>(mean_rows) * phases * stride_);
    means_.resize(static_cast<std::size_t>(mean_rows) * stride_);
    sums_.resize(stride_);
    scratch_.resize(stride_);
    samples_.resize(4 * stride_);
    factors_.resize(stride_);
    scales_.resize(stride_);
    noise_.resize(stride_);
    outputs_.resize(phases * stride_);
    if (winograd_) {
        inputs_scratch_.resize(winograd::positions * winograd_tiles * network.channels);
        products_scratch_.resize(inputs_scratch_.size());
    }
    if (component.noise_stride == 0) {
        std::fill(noise_.begin(), noise_.end(), component.noise[0]);
        std::fill(factors_.begin(), factors_.end(), network.power(-component.noise[0], sample_bits));
        std::fill(scales_.begin(), scales_.end(), network.power(component.noise[0], -network.output_bits));
    }
}

const std::int16_t *Strip::noise_at(std::ptrdiff_t y, std::ptrdiff_t x) const
{
    return component_.noise + y * component_.noise_stride + x;
}

// Divides the samples of a row of positions by the noise. Beyond the picture the means repeat.
void Strip::fetch(std::ptrdiff_t y)
{
    const std::ptrdiff_t begin = std::max<std::ptrdiff_t>(columns_.begin - layers_ - mean_reach, 0),
                         end = std::min(columns_.end + layers_ + mean_reach, width_), count = end - begin;
    const auto at = static_cast<std::size_t>(begin - origin_);
    const Component &c = component_;
    // samples of the area, in which a missing row or column repeats its neighbour
    const std::ptrdiff_t left = 2 * (first_position(c.x0) + begin) - c.x0, right = left + 2 * count;
    const std::ptrdiff_t from = std::max<std::ptrdiff_t>(left, 0),
                         to = std::min<std::ptrdiff_t>(right, c.x1 - c.x0);
    const float *rows[2];
    for (std::ptrdiff_t i = 0; i < 2; ++i) {
        const std::ptrdiff_t row = std::clamp<std::ptrdiff_t>(2 * (first_position(c.y0) + y) + i - c.y0, 0,
                                                              std::ptrdiff_t{c.y1} - c.y0 - 1);
        const float *source = c.source + row * c.source_stride;
        rows[i] = source + left;
        if (from != left || to != right) {
            float *copy = samples_.data() + static_cast<std::size_t>(i) * 2 * stride_;
            std::copy(source + from, source + to, copy + (from - left));
            copy[0] = source[from];
            copy[right - left - 1] = source[to - 1];
            rows[i] = copy;
        }
    }
    if (c.noise_stride != 0) {
        const std::int16_t *codes = noise_at(y, begin);
        for (std::ptrdiff_t i = 0; i < count; ++i) {
            factors_[static_cast<std::size_t>(i)] = network_.power(-codes[i], sample_bits);
        }
    }
    std::int32_t *const mean = means(y);
    kernels_.quotients({rows[0], rows[1], factors_.data(), static_cast<std::size_t>(count), quotients(y) + at,
                        stride_, mean + at});
    if (begin == 0) {
        std::fill(mean, mean + at, mean[at]);
    }
    if (end == width_) {
        const std::size_t last = at + static_cast<std::size_t>(count) - 1;
        std::fill(mean + last + 1, mean + stride_, mean[last]);
    }
}

// Computes a row of the network's input.
void Strip::inputs(std::ptrdiff_t y)
{
    Ring &ring = rings_[0];
    if (!inside(y)) {
        ring.clear(y);
        return;
    }
    const auto row = [&](std::ptrdiff_t at) { return std::clamp<std::ptrdiff_t>(at, 0, height_ - 1); };
    const std::ptrdiff_t last = row(y + mean_reach);
    for (std::ptrdiff_t at = std::max(fetched_ + 1, row(y - mean_reach)); at <= last; ++at) {
        fetch(at);
    }
    fetched_ = last;
    if (summed_ == y - 1 && summed_ >= 0) {
        kernels_.slide(sums_.data(), means(last), means(row(y - mean_reach - 1)), stride_);
    } else {
        std::fill(sums_.begin(), sums_.end(), 0);
        for (std::ptrdiff_t i = -mean_reach; i <= mean_reach; ++i) {
            const std::int32_t *mean = means(row(y + i));
            for (std::size_t x = 0; x < stride_; ++x) {
                sums_[x] += mean[x];
            }
        }
    }
    summed_ = y;
    const Range columns = needed(0, columns_, width_);
    const std::ptrdiff_t at = columns.begin - origin_;
    const auto count = static_cast<std::size_t>(columns.end - columns.begin);
    const std::int16_t *noise = component_.noise_stride == 0 ? noise_.data() : noise_at(y, columns.begin);
    kernels_.features({quotients(y) + at, stride_, sums_.data() + (at - mean_reach), scratch_.data(),
                       network_.compression.data(), noise, count, ring.at(y, at)});
}

void Strip::direct(const Convolution &layer, Ring &source, Ring *residual, Ring &target, std::ptrdiff_t y,
                   Range columns, std::size_t count)
{
    const std::ptrdiff_t at = columns.begin - origin_;
    const std::size_t channels = source.channels(), pairs = 3 * channels / 2;
    const std::int16_t *const start = source.row(0);
    offsets_.resize(3 * pairs);
    for (std::size_t r = 0; r < 3; ++r) {
        const std::ptrdiff_t offset = source.at(y - 1 + static_cast<std::ptrdiff_t>(r), at - 1) - start;
        for (std::size_t t = 0; t < pairs; ++t) {
            offsets_[r * pairs + t] = offset + static_cast<std::ptrdiff_t>(2 * t);
        }
    }
    IntegerRow row = {};
    row.input = start;
    row.input_stride = static_cast<std::ptrdiff_t>(channels);
    row.offsets = offsets_.data();
    row.weights = layer.weights.data();
    row.pairs = offsets_.size();
    row.groups = layer.groups;
    row.bias = layer.bias.data();
    row.shift = layer.shift.data();
    row.low = 0;
    row.high = largest_activation;
    row.residual = residual != nullptr ? residual->at(y, at) : nullptr;
    row.output = target.at(y, at);
    row.output_stride = static_cast<std::ptrdiff_t>(layer.outputs);
    row.channels = layer.outputs;
    row.pixels = count;
    convolve_row(row, instructions_);
}

void Strip::eight(const Convolution &layer, Ring &source, Ring *residual, Ring &target, std::ptrdiff_t y,
                  Range columns, std::size_t count)
{
    const std::ptrdiff_t at = columns.begin - origin_;
    EightOutputsRow row = {};
    for (std::ptrdiff_t i = 0; i < 3; ++i) {
        row.input[i] = source.at(y - 1 + i, at - 1);
    }
    row.weights = layer.eight.data();
    row.bias = layer.bias.data();
    row.shift = layer.shift[0];
    row.inputs = layer.inputs;
    row.high = largest_activation;
    row.residual = residual != nullptr ? residual->at(y, at) : nullptr;
    row.output = target.at(y, at);
    row.columns = (count + eight_outputs_columns - 1) / eight_outputs_columns * eight_outputs_columns;
    convolve_eight(row, instructions_);
    std::fill_n(row.output + count * layer.outputs, (row.columns - count) * layer.outputs, std::int16_t{0});
}

// Computes rows y and y + 1 of a hidden layer. Beyond the picture they are zero.
void Strip::hidden(std::ptrdiff_t layer, std::ptrdiff_t y)
{
    const auto index = static_cast<std::size_t>(layer);
    const Range rows = needed(layer, rows_, height_), columns = needed(layer, columns_, width_);
    Ring &source = rings_[index - 1], &target = rings_[index];
    if (y < rows.end && y + 1 >= rows.begin) {
        const Convolution &weights = layer == 1 ? network_.first : network_.body[index - 2];
        Ring *const residual = layer > 1 && layer % 2 == 1 ? &rings_[index - 2] : nullptr;
        const std::ptrdiff_t at = columns.begin - origin_;
        const auto count = static_cast<std::size_t>(columns.end - columns.begin);
        if (winograd_ && !weights.winograd.empty()) {
            WinogradRows w = {};
            for (std::ptrdiff_t i = 0; i < 4; ++i) {
                w.input[i] = source.at(y - 1 + i, at - 1);
            }
            for (std::ptrdiff_t i = 0; i < 2; ++i) {
                w.residual[i] = residual != nullptr ? residual->at(y + i, at) : nullptr;
                w.output[i] = target.at(y + i, at);
            }
            w.weights = weights.winograd.data();
            w.bias = weights.winograd_bias.data();
            w.shift = weights.shift[0] + 2;
            w.channels = weights.outputs;
            w.high = largest_activation;
            w.columns = (count + winograd_columns - 1) / winograd_columns * winograd_columns;
            w.inputs_scratch = inputs_scratch_.data();
            w.products_scratch = products_scratch_.data();
            convolve_winograd(w, instructions_);
            for (std::ptrdiff_t i = 0; i < 2; ++i) {
                std::fill_n(w.output[i] + count * w.channels, (w.columns - count) * w.channels,
                            std::int16_t{0});
            }
        } else if (eight_ && !weights.eight.empty()) {
            for (std::ptrdiff_t i = 0; i < 2; ++i) {
                eight(weights, source, residual, target, y + i, columns, count);
            }
        } else {
            for (std::ptrdiff_t i = 0; i < 2; ++i) {
                direct(weights, source, residual, target, y + i, columns, count);
            }
        }
    }
    for (const std::ptrdiff_t at : {y, y + 1}) {
        if (!inside(at)) {
            target.clear(at);
        }
    }
}

void Strip::outputs(std::ptrdiff_t y)
{
    Ring &source = rings_.back();
    FourOutputsRow row = {};
    for (std::ptrdiff_t i = 0; i < 3; ++i) {
        row.input[i] = source.at(y - 1 + i, columns_.begin - origin_ - 1);
    }
    row.weights = network_.last.weights.data();
    row.bias = network_.last.bias;
    row.shift = network_.last.shift;
    row.channels = network_.channels;
    row.output = outputs_.data();
    row.pixels = static_cast<std::size_t>(columns_.end - columns_.begin);
    convolve_four(row, instructions_);
    correct(y);
}

// Adds the outputs times the noise to a row of positions.
void Strip::correct(std::ptrdiff_t y)
{
    const Component &c = component_;
    const std::ptrdiff_t count = columns_.end - columns_.begin;
    if (c.noise_stride != 0) {
        const std::int16_t *codes = noise_at(y, columns_.begin);
        for (std::ptrdiff_t i = 0; i < count; ++i) {
            scales_[static_cast<std::size_t>(i)] = network_.power(codes[i], -network_.output_bits);
        }
    }
    float *const corrections[2] = {samples_.data(), samples_.data() + 2 * stride_};
    kernels_.corrections(
        {outputs_.data(), scales_.data(), static_cast<std::size_t>(count), corrections[0], corrections[1]});
    const std::ptrdiff_t left = 2 * (first_position(c.x0) + columns_.begin) - c.x0, right = left + 2 * count;
    const std::ptrdiff_t from = std::max<std::ptrdiff_t>(left, c.part.x0 - c.x0),
                         to = std::min<std::ptrdiff_t>(right, c.part.x1 - c.x0);
    for (std::ptrdiff_t i = 0; i < 2; ++i) {
        const std::ptrdiff_t at = 2 * (first_position(c.y0) + y) + i, row = at - c.y0;
        if (at >= c.part.y0 && at < c.part.y1) {
            kernels_.add(c.target + row * c.target_stride + from, c.source + row * c.source_stride + from,
                         corrections[i] + (from - left), static_cast<std::size_t>(to - from));
        }
    }
}

void Strip::run()
{
    for (std::ptrdiff_t y = rows_.begin - layers_; y - layers_ < rows_.end; y += 2) {
        for (const std::ptrdiff_t at : {y, y + 1}) {
            if (at < rows_.end + layers_) {
                inputs(at);
            }
        }
        for (std::ptrdiff_t layer = 1; layer < layers_; ++layer) {
            hidden(layer, y - layer);
        }
        for (const std::ptrdiff_t at : {y - layers_, y - layers_ + 1}) {
            if (at >= rows_.begin && at < rows_.end) {
                outputs(at);
            }
        }
    }
}

} // namespace

std::size_t strip_positions(const Network &network)
{
    // the first of the body's layers reaches furthest
    return 5 * winograd_columns - 2 * network.body.size();
}

void dequantise_strip(const Network &network, const Component &component, Range rows, Range columns,
                      Instructions instructions)
{
    Strip(network, component, rows, columns, instructions).run();
}

} // namespace j2kl::dequantisation
