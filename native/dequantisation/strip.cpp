#include "dequantisation/strip.hpp"

#include "base/aligned.hpp"
#include "base/prefetch.hpp"
#include "dequantisation/features.hpp"
#include "integer/winograd.hpp"

#include <algorithm>
#include <vector>

namespace j2kl::dequantisation {

namespace {

// Rows of a layer that are kept: two new rows of the next layer read two and their neighbours.
constexpr std::ptrdiff_t ring_rows = 4;

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
    Aligned<std::int16_t> data_;
};

class Strip {
public:
    Strip(const Network &network, const Components &components, Range rows, Range columns,
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

    void inputs(std::ptrdiff_t y);
    void hidden(std::ptrdiff_t layer, std::ptrdiff_t y);
    IntegerRow row_of(const Convolution &layer, Ring &source, std::ptrdiff_t y, std::ptrdiff_t at,
                      std::size_t count);
    void direct(const Convolution &layer, Ring &source, Ring *residual, Ring &target, std::ptrdiff_t y,
                Range columns, std::size_t count);
    void eight(const Convolution &layer, Ring &source, Ring *residual, Ring &target, std::ptrdiff_t y,
               Range columns, std::size_t count);
    void outputs(std::ptrdiff_t y);
    void sixteen_outputs(std::ptrdiff_t y);
    void scale(std::size_t written, std::ptrdiff_t y);
    void correct(std::size_t written, std::ptrdiff_t y, const std::int16_t *outputs, std::size_t stride);

    const Network &network_;
    const Components &components_;
    const Range rows_, columns_;
    const Instructions instructions_;
    const RowKernels &kernels_;
    const bool winograd_, eight_;
    const std::ptrdiff_t side_;           // of a position
    const std::ptrdiff_t layers_;         // convolutions
    const std::ptrdiff_t height_, width_; // of the picture in positions
    const std::ptrdiff_t origin_;         // the column of the picture where the buffers begin
    const std::size_t stride_;            // columns of the buffers
    std::vector<Features> features_;      // of every component that is read
    std::vector<Ring> rings_;
    Aligned<float> corrections_, scales_;
    Aligned<std::int16_t> outputs_;
    Aligned<std::int16_t> inputs_scratch_;
    Aligned<std::int32_t> products_scratch_;
    std::vector<std::ptrdiff_t> offsets_;
};

Strip::Strip(const Network &network, const Components &components, Range rows, Range columns,
             Instructions instructions)
    : network_(network),
      components_(components),
      rows_(rows),
      columns_(columns),
      instructions_(instructions),
      kernels_(row_kernels(instructions)),
      winograd_(has_winograd(instructions)),
      eight_(has_eight_outputs(instructions)),
      side_(static_cast<std::ptrdiff_t>(network.side)),
      layers_(static_cast<std::ptrdiff_t>(network.body.size()) + 2),
      height_(position_count(components.y0, components.y1, side_)),
      width_(position_count(components.x0, components.x1, side_)),
      origin_(columns.begin - layers_ - network.mean_reach() - 1),
      stride_(static_cast<std::size_t>(columns.end - origin_ + layers_ + network.mean_reach()) +
              winograd_columns + 2)
{
    const std::ptrdiff_t reach = layers_ + network.mean_reach();
    const Buffers buffers = {
        origin_,
        stride_,
        {std::max<std::ptrdiff_t>(columns.begin - reach, 0), std::min(columns.end + reach, width_)}};
    for (std::size_t index = 0; index < network.reads; ++index) {
        features_.emplace_back(network, components, index, buffers, kernels_);
    }
    rings_.emplace_back(stride_, network.first.inputs);
    for (std::ptrdiff_t layer = 1; layer < layers_; ++layer) {
        rings_.emplace_back(stride_, network.channels);
    }
    corrections_.resize(network.phases() * stride_);
    scales_.resize(network.writes * stride_);
    if (components.noise_stride == 0) {
        for (std::size_t written = 0; written < network.writes; ++written) {
            scale(written, 0);
        }
    }
    outputs_.resize((network.last.empty() ? network.writes : 1) * network.phases() * stride_);
    if (winograd_) {
        inputs_scratch_.resize(winograd::positions * winograd_tiles * network.channels);
        products_scratch_.resize(inputs_scratch_.size());
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
    const Range columns = needed(0, columns_, width_);
    std::int16_t *target = ring.at(y, columns.begin - origin_);
    for (Features &each : features_) {
        each.write(y, columns, target, ring.channels());
        target += network_.phases();
    }
    for (std::size_t written = 0; written < network_.writes; ++written, ++target) {
        std::int16_t *at = target;
        for (std::ptrdiff_t x = columns.begin; x < columns.end; ++x, at += ring.channels()) {
            *at = components_.code(written, y, x);
        }
    }
}

// A row of a convolution by the general kernel, from column `at` of the buffers on. The caller adds the range and the
// place of the outputs.
IntegerRow Strip::row_of(const Convolution &layer, Ring &source, std::ptrdiff_t y, std::ptrdiff_t at,
                         std::size_t count)
{
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
    row.output_stride = static_cast<std::ptrdiff_t>(layer.outputs);
    row.channels = layer.outputs;
    row.pixels = count;
    return row;
}

void Strip::direct(const Convolution &layer, Ring &source, Ring *residual, Ring &target, std::ptrdiff_t y,
                   Range columns, std::size_t count)
{
    const std::ptrdiff_t at = columns.begin - origin_;
    IntegerRow row = row_of(layer, source, y, at, count);
    row.low = 0;
    row.high = largest_activation;
    row.residual = residual != nullptr ? residual->at(y, at) : nullptr;
    row.output = target.at(y, at);
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

// Computes the last layer in a row of positions, and corrects the components that are written.
void Strip::outputs(std::ptrdiff_t y)
{
    if (network_.last.empty()) {
        sixteen_outputs(y);
        return;
    }
    Ring &source = rings_.back();
    for (std::size_t written = 0; written < network_.writes; ++written) {
        const LastConvolution &layer = network_.last[written];
        FourOutputsRow row = {};
        for (std::ptrdiff_t i = 0; i < 3; ++i) {
            row.input[i] = source.at(y - 1 + i, columns_.begin - origin_ - 1);
        }
        row.weights = layer.weights.data();
        row.bias = layer.bias;
        row.shift = layer.shift;
        row.channels = network_.channels;
        row.output = outputs_.data();
        row.pixels = static_cast<std::size_t>(columns_.end - columns_.begin);
        convolve_four(row, instructions_);
        correct(written, y, outputs_.data(), network_.phases());
    }
}

// The same if positions have 4x4 samples: the outputs of a component are a group of the general kernel.
void Strip::sixteen_outputs(std::ptrdiff_t y)
{
    const Convolution &layer = network_.all_last;
    IntegerRow row = row_of(layer, rings_.back(), y, columns_.begin - origin_,
                            static_cast<std::size_t>(columns_.end - columns_.begin));
    row.low = INT16_MIN;
    row.high = INT16_MAX;
    row.output = outputs_.data();
    convolve_row(row, instructions_);
    for (std::size_t written = 0; written < network_.writes; ++written) {
        correct(written, y, outputs_.data() + written * network_.phases(), layer.outputs);
    }
}

// Computes what the outputs of a row of positions are multiplied by.
void Strip::scale(std::size_t written, std::ptrdiff_t y)
{
    float *at = scales_.data() + written * stride_;
    for (std::ptrdiff_t x = columns_.begin; x < columns_.end; ++x) {
        *at++ = network_.power(components_.code(written, y, x), -network_.output_bits);
    }
}

// Adds the outputs times the noise to a row of positions of a component. The phases of the outputs are side by side,
// and positions `stride` elements apart.
void Strip::correct(std::size_t written, std::ptrdiff_t y, const std::int16_t *outputs, std::size_t stride)
{
    const Components &c = components_;
    const std::ptrdiff_t count = columns_.end - columns_.begin;
    if (c.noise_stride != 0) {
        scale(written, y);
    }
    CorrectionRow corrections = {
        network_.side, outputs, stride, scales_.data() + written * stride_, static_cast<std::size_t>(count), {}};
    for (std::size_t i = 0; i < network_.side; ++i) {
        corrections.rows[i] = corrections_.data() + i * network_.side * stride_;
    }
    kernels_.corrections(corrections);
    const std::ptrdiff_t left = side_ * (position_range(c.x0, c.x0, side_).begin + columns_.begin) - c.x0,
                         right = left + side_ * count;
    const std::ptrdiff_t from = std::max<std::ptrdiff_t>(left, c.part.x0 - c.x0),
                         to = std::min<std::ptrdiff_t>(right, c.part.x1 - c.x0);
    const float *const source = c.sources[network_.reads - network_.writes + written];
    for (std::ptrdiff_t i = 0; i < side_; ++i) {
        const std::ptrdiff_t row = side_ * (position_range(c.y0, c.y0, side_).begin + y) + i - c.y0;
        if (row + c.y0 >= c.part.y0 && row + c.y0 < c.part.y1) {
            if (row + side_ + c.y0 < c.part.y1) {
                prefetch_for_writing(c.targets[written] + (row + side_) * c.target_stride + from,
                                     static_cast<std::size_t>(to - from));
            }
            kernels_.add(c.targets[written] + row * c.target_stride + from,
                         source + row * c.source_stride + from, corrections.rows[i] + (from - left),
                         static_cast<std::size_t>(to - from));
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
    return 10 * winograd_columns - 2 * network.body.size();
}

void dequantise_strip(const Network &network, const Components &components, Range rows, Range columns,
                      Instructions instructions)
{
    Strip(network, components, rows, columns, instructions).run();
}

} // namespace j2kl::dequantisation
