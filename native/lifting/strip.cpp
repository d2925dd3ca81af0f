#include "lifting/strip.hpp"

#include "base/prefetch.hpp"
#include "lifting/arithmetic.hpp"
#include "lifting/rings.hpp"

#include <algorithm>
#include <vector>

namespace j2kl::lifting {

namespace {

using Int16 = std::int16_t;

// The sizes of a strip. Rows and columns count from the first of the part; those of layers before it are negative.
struct Sizes {
    Sizes(const Network &network, std::size_t lanes, std::size_t columns)
        : width(columns), radius(network.radius()), reach(network.opacity_radius() - network.first.kernel / 2),
          margin((radius / 2 + 3 + 15) / 16 * 16),
          half((margin + width / 2 + radius / 2 + 2 * lanes + 8 + 15) / 16 * 16), row(2 * half),
          hidden_rows(4), last_rows(ring_size(std::max<std::size_t>(4, network.last.kernel + 1)))
    {
        // Proposals of row y - reach follow the first layer's rows y and y + 1.
        const auto signed_reach = static_cast<std::ptrdiff_t>(reach);
        const auto first = static_cast<std::ptrdiff_t>(network.first.kernel / 2),
                   proposal = static_cast<std::ptrdiff_t>(network.proposals.kernel / 2);
        const std::ptrdiff_t oldest = std::min(-signed_reach - proposal, -first),
                             newest = std::max(first + 1, proposal + 1 - signed_reach);
        source_rows = ring_size(static_cast<std::size_t>(newest - oldest) + 1);
    }

    // Tiles of a row that reaches `reach` columns beyond the strip on both sides.
    Tiles tiles(std::size_t beyond, std::size_t lanes) const
    {
        const std::size_t before = (beyond + 1) / 2, count = before + (width + beyond + 1) / 2;
        return {-static_cast<std::ptrdiff_t>(before), (count + lanes - 1) / lanes};
    }

    std::size_t width;
    std::size_t radius; // of the operator
    std::size_t reach;  // of the layers after the first
    std::size_t margin; // tiles before tile 0, which is aligned
    std::size_t half; // tiles of a row
    std::size_t row;  // elements of a row of a map: even columns, then odd columns
    std::size_t hidden_rows, last_rows, source_rows;
};

class Strip {
public:
    Strip(const PackedNetwork &packed, const RowKernels &kernels, const Step &step, const Part &part)
        : packed_(packed), network_(packed.network), kernels_(kernels), step_(step), part_(part),
          sizes_(network_, kernels.lanes, part.area.width()), maps_(packed.maps),
          height_(static_cast<std::ptrdiff_t>(part.area.height())),
          reach_(static_cast<std::ptrdiff_t>(sizes_.reach)),
          next_source_(-static_cast<std::ptrdiff_t>(sizes_.radius)), memory_(bytes())
    {
        take_memory();
    }

    void lift()
    {
        const auto layers = static_cast<std::ptrdiff_t>(packed_.hidden.size());
        const auto first_reach = static_cast<std::ptrdiff_t>(network_.first.kernel / 2),
                   proposal_reach = static_cast<std::ptrdiff_t>(network_.proposals.kernel / 2);
        std::ptrdiff_t behind = 0; // rows that the first layer is ahead of its first row
        for (std::ptrdiff_t y = -reach_; y < height_ + reach_; y += 2, behind += 2) {
            read_sources(y + 1 + first_reach);
            first_layer(y);
            first_layer(y + 1);
            for (std::ptrdiff_t layer = 1; layer <= layers && behind >= 2 * layer; ++layer) {
                hidden_layer(static_cast<std::size_t>(layer), y - layer);
            }
            const std::ptrdiff_t row = y - reach_;
            if (row >= 0) {
                last_layer(row);
                read_sources(std::min(row + 1, height_ - 1) + proposal_reach);
                predict(row);
                if (row + 1 < height_) {
                    predict(row + 1);
                }
            }
        }
    }

private:
    std::size_t hidden_elements() const { return packed_.pairs * sizes_.row * 2; } // of a row
    std::size_t source_elements() const { return maps_.count * sizes_.row * 2; }
    std::size_t hidden_rows(std::size_t layer) const
    {
        return layer == packed_.hidden.size() ? sizes_.last_rows : sizes_.hidden_rows;
    }
    std::size_t line() const { return sizes_.row + 2 * kernels_.lanes; } // elements of a line of numbers
    std::size_t most_taps() const
    {
        std::size_t most = std::max(packed_.first.taps.size(), packed_.last.taps.size());
        for (const PackedLayer &layer : packed_.hidden) {
            most = std::max(most, layer.taps.size());
        }
        for (const PackedLayer &layer : packed_.proposals) {
            most = std::max(most, layer.taps.size());
        }
        return most;
    }

    std::size_t bytes() const
    {
        std::size_t sum = part_.components * Memory::size_of<Int16>(sizes_.source_rows * source_elements());
        for (std::size_t layer = 0; layer <= packed_.hidden.size(); ++layer) {
            sum += Memory::size_of<Int16>(hidden_rows(layer) * hidden_elements());
        }
        return sum + Memory::size_of<std::int32_t>(2 * network_.count * sizes_.row) +
               Memory::size_of<std::int32_t>(network_.outputs * sizes_.row) + 3 * Memory::size_of<Int16>(line()) +
               Memory::size_of<Int16>(winograd_scratch(packed_.pairs) / sizeof(Int16));
    }

    void take_memory()
    {
        for (std::size_t i = 0; i < part_.components; ++i) {
            sources_.push_back({memory_.take<Int16>(sizes_.source_rows * source_elements()),
                                sizes_.source_rows, source_elements()});
        }
        nonzero_.resize(part_.components * sizes_.source_rows);
        for (std::size_t layer = 0; layer <= packed_.hidden.size(); ++layer) {
            hidden_.push_back({memory_.take<Int16>(hidden_rows(layer) * hidden_elements()),
                               hidden_rows(layer), hidden_elements()});
        }
        opacities_ = memory_.take<std::int32_t>(2 * network_.count * sizes_.row);
        predictions_ = memory_.take<std::int32_t>(network_.outputs * sizes_.row);
        for (Int16 *&numbers : lines_) {
            numbers = memory_.take<Int16>(line());
        }
        scratch_ = memory_.take<Int16>(winograd_scratch(packed_.pairs) / sizeof(Int16));
        taps_.resize(most_taps());
    }

    PairStrides strides() const
    {
        return {static_cast<std::ptrdiff_t>(2 * sizes_.row), static_cast<std::ptrdiff_t>(2 * sizes_.half)};
    }

    // Tile 0 of the even columns of map 0.
    Int16 *tile_0(const Ring<Int16> &ring, std::ptrdiff_t y) const { return ring.row(y) + 2 * sizes_.margin; }

    // The places of the taps of a layer for a row and parity of its outputs.
    TapInputs inputs(const PackedLayer &layer, const Ring<Int16> &ring, std::ptrdiff_t y, std::size_t row,
                     std::size_t parity)
    {
        const PairStrides step = strides();
        const auto reach = static_cast<std::ptrdiff_t>(layer.kernel / 2);
        const Int16 *rows[largest_proposal];
        for (std::ptrdiff_t dy = -reach; dy <= reach; ++dy) {
            rows[reach + dy] = tile_0(ring, y + dy);
        }
        for (std::size_t t = 0; t < layer.taps.size(); ++t) {
            const Tap &tap = layer.taps[t];
            const std::ptrdiff_t column = static_cast<std::ptrdiff_t>(parity) + tap.dx;
            taps_[t] = rows[reach + tap.dy] + static_cast<std::ptrdiff_t>(tap.map) * step.map +
                       (column & 1) * step.parity + 2 * (column >> 1);
        }
        return {taps_.data(), row, parity};
    }

    WinogradInputs inputs(const Ring<Int16> &ring, std::ptrdiff_t y)
    {
        return {{tile_0(ring, y - 1), tile_0(ring, y), tile_0(ring, y + 1), tile_0(ring, y + 2)},
                strides(),
                scratch_};
    }

    // Reads source rows up to `last`, in order.
    void read_sources(std::ptrdiff_t last)
    {
        for (; next_source_ <= last; ++next_source_) {
            for (std::size_t i = 0; i < part_.components; ++i) {
                read_row(i, next_source_);
            }
        }
    }

    void read_row(std::size_t index, std::ptrdiff_t y)
    {
        const Ring<Int16> &ring = sources_[index];
        const PairStrides step = strides();
        const j2kl_plane *planes = step_.sources + (part_.first_component + index) * network_.inputs;
        bool nonzero = false;
        for (std::size_t input = 0; input < network_.inputs; ++input) {
            nonzero = read_line(planes[input], y, lines_[input]) || nonzero;
        }
        nonzero_[index * sizes_.source_rows + (static_cast<std::size_t>(y) & (sizes_.source_rows - 1))] = nonzero;
        if (network_.inputs > 1) {
            Int16 *const even = ring.row(y) + static_cast<std::ptrdiff_t>(maps_.channels) * step.map;
            kernels_.pair_lines(lines_[0], lines_[1], sizes_.half, even, even + step.parity);
        }
        if (maps_.odd) { // horizontal pairs of even columns are the line itself
            const Int16 *const numbers = lines_[network_.inputs - 1];
            const auto horizontal = static_cast<std::ptrdiff_t>(maps_.horizontal) * step.map,
                       vertical = static_cast<std::ptrdiff_t>(maps_.vertical) * step.map;
            Int16 *const even = ring.row(y) + horizontal;
            std::copy_n(numbers, sizes_.row, even);
            std::copy_n(numbers + 1, sizes_.row, even + step.parity);
            Int16 *const above = ring.row(y - 1) + vertical; // pairs of the rows y - 1 and y
            kernels_.pair_lines(ring.row(y - 1) + horizontal, even, sizes_.half, above, above + step.parity);
        }
    }

    // Converts a row of a source to integers; border samples are repeated. Returns whether any is not zero.
    bool read_line(const j2kl_plane &plane, std::ptrdiff_t y, Int16 *numbers) const
    {
        const Area area = area_of(plane);
        if (area.empty()) {
            std::fill_n(numbers, line(), Int16{0});
            return false;
        }
        const auto length = static_cast<std::int64_t>(line());
        const std::int64_t first = part_.area.x0 - 2 * static_cast<std::int64_t>(sizes_.margin);
        const std::int64_t row = std::clamp(part_.area.y0 + y, area.y0, area.y1 - 1);
        const auto radius = static_cast<std::int64_t>(sizes_.radius) + 2;
        // The columns of the plane that the part needs, one at least.
        const std::int64_t x0 = std::clamp(part_.area.x0 - radius, area.x0, area.x1 - 1),
                           x1 = std::clamp(part_.area.x1 + radius, x0 + 1, area.x1);
        const std::int64_t before = std::clamp(x0 - first, std::int64_t{0}, length),
                           end = std::clamp(x1 - first, before, length);
        if (row + 1 < area.y1) {
            prefetch(sample(plane, row + 1, x0), static_cast<std::size_t>(x1 - x0));
        }
        Int16 left = 0, right = 0;
        kernels_.quantise(sample(plane, row, x0), 1, network_.input_scale, &left);
        kernels_.quantise(sample(plane, row, x1 - 1), 1, network_.input_scale, &right);
        std::fill(numbers, numbers + before, left);
        if (end > before) {
            kernels_.quantise(sample(plane, row, first + before), static_cast<std::size_t>(end - before),
                              network_.input_scale, numbers + before);
        }
        std::fill(numbers + end, numbers + length, right);
        return std::any_of(numbers, numbers + length, [](Int16 number) { return number != 0; });
    }

    void first_layer(std::ptrdiff_t y)
    {
        const Tiles tiles = sizes_.tiles(sizes_.reach, kernels_.lanes);
        Int16 *const out = tile_0(hidden_[0], y);
        const Activations outputs = {{out, nullptr}, {nullptr, nullptr}, strides()};
        for (std::size_t parity = 0; parity < 2; ++parity) {
            kernels_.activate(packed_.first, inputs(packed_.first, sources_[0], y, 0, parity), tiles, outputs);
        }
    }

    // Rows y and y + 1 of the layer; layer 0 is the first.
    void hidden_layer(std::size_t layer, std::ptrdiff_t y)
    {
        const PackedLayer &weights = packed_.hidden[layer - 1];
        const Ring<Int16> &source = hidden_[layer - 1], &target = hidden_[layer];
        const std::size_t beyond = packed_.hidden.size() - layer + network_.last.kernel / 2;
        const Tiles tiles = sizes_.tiles(beyond, kernels_.lanes);
        Activations outputs = {{tile_0(target, y), tile_0(target, y + 1)}, {nullptr, nullptr}, strides()};
        if (layer % 2 == 0) {
            outputs.residuals[0] = tile_0(hidden_[layer - 2], y);
            outputs.residuals[1] = tile_0(hidden_[layer - 2], y + 1);
        }
        if (weights.winograd) {
            kernels_.activate_winograd(weights, inputs(source, y), tiles, outputs);
            return;
        }
        for (std::size_t i = 0; i < 4; ++i) {
            const std::size_t row = i / 2;
            const std::ptrdiff_t from = y + static_cast<std::ptrdiff_t>(row);
            kernels_.activate(weights, inputs(weights, source, from, row, i % 2), tiles, outputs);
        }
    }

    std::int32_t *opacities(std::size_t row, std::size_t parity) const
    {
        return opacities_ + (row * network_.count * 2 + parity) * sizes_.half;
    }

    std::int32_t *predictions(std::size_t output, std::size_t parity) const
    {
        return predictions_ + (output * 2 + parity) * sizes_.half;
    }

    // Opacities of the rows y and y + 1.
    void last_layer(std::ptrdiff_t y)
    {
        const PackedLayer &weights = packed_.last;
        const Ring<Int16> &source = hidden_.back();
        const Tiles tiles = sizes_.tiles(0, kernels_.lanes);
        const auto map = static_cast<std::ptrdiff_t>(sizes_.row);
        const Likelihoods outputs = {{opacities(0, 0), opacities(1, 0)},
                                     map,
                                     static_cast<std::ptrdiff_t>(sizes_.half),
                                     network_.offset};
        if (weights.winograd) {
            kernels_.likelihoods_winograd(weights, inputs(source, y), tiles, outputs);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            const std::size_t row = i / 2;
            const std::ptrdiff_t from = y + static_cast<std::ptrdiff_t>(row);
            if (from < height_) {
                if (!weights.winograd) {
                    kernels_.likelihoods(weights, inputs(weights, source, from, row, i % 2), tiles, outputs);
                }
                kernels_.normalise(opacities(row, i % 2), map, network_.count, tiles.vectors);
            }
        }
    }

    // Whether a component has a source that is not zero in the rows that the proposals of row y read.
    bool has_sources(std::size_t index, std::ptrdiff_t y) const
    {
        const std::size_t kernel = network_.proposals.kernel;
        const auto first = static_cast<std::size_t>(y - static_cast<std::ptrdiff_t>(kernel / 2));
        for (std::size_t i = 0; i < kernel; ++i) {
            if (nonzero_[index * sizes_.source_rows + ((first + i) & (sizes_.source_rows - 1))]) {
                return true;
            }
        }
        return false;
    }

    void predict(std::ptrdiff_t y)
    {
        // Rows y and y + 1 follow each other from an even row on.
        const std::size_t row = static_cast<std::size_t>(y) % 2;
        const Tiles tiles = sizes_.tiles(0, kernels_.lanes);
        for (std::size_t i = 0; i < part_.components; ++i) {
            const std::size_t first_target = (part_.first_component + i) * network_.outputs;
            const bool quiet = !has_sources(i, y);
            for (std::size_t parity = 0; parity < 2 && !quiet; ++parity) {
                const TapInputs taps = inputs(packed_.proposals[0], sources_[i], y, 0, parity);
                for (std::size_t output = 0; output < network_.outputs; ++output) {
                    kernels_.predict(packed_.proposals[output], taps, opacities(row, parity),
                                     static_cast<std::ptrdiff_t>(sizes_.row), tiles.vectors,
                                     predictions(output, parity));
                }
            }
            for (std::size_t output = 0; output < network_.outputs; ++output) {
                if (quiet) {
                    std::fill_n(predictions(output, 0), sizes_.row, 0);
                }
                add(step_.targets[first_target + output], output, y);
            }
        }
    }

    void add(const j2kl_plane &target, std::size_t output, std::ptrdiff_t y) const
    {
        const Area area = area_of(target).intersection(part_.area);
        const std::int64_t row = part_.area.y0 + y;
        if (area.empty() || row < area.y0 || row >= area.y1) {
            return;
        }
        float *samples = sample(target, row, area.x0);
        auto column = static_cast<std::size_t>(area.x0 - part_.area.x0);
        std::size_t count = area.width();
        if (row + 1 < area.y1) {
            prefetch_for_writing(sample(target, row + 1, area.x0), count);
        }
        if (column % 2 != 0) {
            *samples++ += static_cast<float>(predictions(output, 1)[column / 2]) * step_.scale;
            ++column;
            --count;
        }
        kernels_.add(samples, predictions(output, 0) + column / 2, predictions(output, 1) + column / 2, count,
                     step_.scale);
    }

    const PackedNetwork &packed_;
    const Network &network_;
    const RowKernels &kernels_;
    const Step &step_;
    const Part &part_;
    const Sizes sizes_;
    const SourceMaps maps_;
    const std::ptrdiff_t height_, reach_;
    std::ptrdiff_t next_source_;
    Memory memory_;
    std::vector<Ring<Int16>> sources_; // of the components
    std::vector<char> nonzero_;        // (components, source rows): whether a row of sources is not all zero
    std::vector<Ring<Int16>> hidden_;  // outputs of the first layer and of the blocks' layers
    std::int32_t *opacities_ = nullptr; // of two rows: (2, proposals, parity, tiles)
    std::int32_t *predictions_ = nullptr; // of a row: (outputs, parity, tiles)
    Int16 *lines_[3] = {};              // a row of every input
    Int16 *scratch_ = nullptr;
    std::vector<const Int16 *> taps_;
};

} // namespace

std::size_t strip_width(const PackedNetwork &packed, const RowKernels &kernels, std::size_t width,
                        std::size_t components)
{
    // The rings should fill at most half of a second-level cache of 512 KiB.
    constexpr std::size_t cache = 1U << 18, least = 64, most = 512;
    const Sizes sizes(packed.network, kernels.lanes, 0);
        const std::size_t column = 4 * ((packed.hidden.size() + 1) * sizes.hidden_rows * packed.pairs +
                                    components * sizes.source_rows * packed.maps.count + 2 * packed.network.count);
    const std::size_t widest = std::clamp(cache / column, least, most);
    const std::size_t fewest = (width + widest - 1) / widest;
    std::size_t best = fewest, least_work = SIZE_MAX;
    for (std::size_t count = fewest; count < fewest + 4; ++count) {
        // The vectors of a row of the network and of the proposals.
        const Sizes strip(packed.network, kernels.lanes, (width + count - 1) / count);
        const std::size_t work =
            count * (strip.tiles(sizes.reach, kernels.lanes).vectors + strip.tiles(0, kernels.lanes).vectors);
        if (work < least_work) {
            best = count;
            least_work = work;
        }
    }
    return (width + best - 1) / best;
}

void lift_strip(const PackedNetwork &packed, const RowKernels &kernels, const Step &step, const Part &part)
{
    Strip(packed, kernels, step, part).lift();
}

} // namespace j2kl::lifting
