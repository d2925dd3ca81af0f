#include "integer/mixture.hpp"

#include <algorithm>

namespace j2kl::mixture {

namespace {

constexpr int weight_bits = 16, place_bits = 8, frequency_bits = 24;
constexpr std::int32_t logits = 768, lowest_log_scale = -256, highest_log_scale = 640;
constexpr std::int64_t last_entry = 2304; // index in the cumulative table
constexpr std::int64_t bins = others - 1; // in the window
constexpr std::int64_t one = 1 << frequency_bits;

struct Component {
    std::int64_t weight, mean, reciprocal;
    std::int32_t scale; // index in the tables
};

struct Components {
    Component all[most_components];
    std::size_t count;
};

Components read(const j2kl_mixture_tables &tables, const std::int16_t *parameters, std::size_t count)
{
    Components components;
    components.count = count;
    std::int32_t largest = parameters[0];
    for (std::size_t k = 1; k < count; ++k) {
        largest = std::max<std::int32_t>(largest, parameters[k]);
    }
    std::uint32_t powers[most_components], sum = 0;
    for (std::size_t k = 0; k < count; ++k) {
        powers[k] =
            static_cast<std::uint32_t>(tables.exponential[std::min(largest - parameters[k], logits - 1)]);
        sum += powers[k]; // at least 2^15
    }
    std::int64_t left = std::int64_t{1} << weight_bits;
    std::size_t heaviest = 0;
    for (std::size_t k = 0; k < count; ++k) {
        Component &component = components.all[k];
        component.weight = (powers[k] << weight_bits) / sum; // powers are at most 2^15
        component.mean = parameters[count + k];
        component.scale =
            std::clamp<std::int32_t>(parameters[2 * count + k], lowest_log_scale, highest_log_scale) -
            lowest_log_scale;
        component.reciprocal = tables.reciprocal[component.scale];
        left -= component.weight;
        heaviest = component.weight > components.all[heaviest].weight ? k : heaviest;
    }
    components.all[heaviest].weight += left;
    return components;
}

// The cumulative probabilities, in units of 2^-24, below the integers first, first + step, first + 2 step ...
void accumulate(const j2kl_mixture_tables &tables, const Components &components, std::int64_t first,
                std::int64_t step, std::size_t count, std::int64_t *cumulative)
{
    constexpr std::int64_t middle = last_entry << (place_bits - 1), most = (last_entry << place_bits) - 1;
    std::fill_n(cumulative, count, std::int64_t{0});
    for (std::size_t k = 0; k < components.count; ++k) {
        const Component &component = components.all[k];
        const std::int64_t start = 32 * first - 16 - component.mean;
        for (std::size_t i = 0; i < count; ++i) {
            const std::int64_t distance = start + 32 * step * static_cast<std::int64_t>(i);
            std::int64_t place = ((distance * component.reciprocal) >> 16) + middle;
            place = std::min(std::max(place, std::int64_t{0}), most);
            const std::int32_t *entry = tables.cumulative + (place >> place_bits);
            const std::int32_t between = static_cast<std::int32_t>(place & ((1 << place_bits) - 1));
            // an entry is at most 2^18 greater than the one before
            cumulative[i] +=
                component.weight * (entry[0] + (((entry[1] - entry[0]) * between) >> place_bits));
        }
    }
    for (std::size_t i = 0; i < count; ++i) {
        cumulative[i] >>= weight_bits;
    }
}

// floor(log2(value)) of a positive value
std::int32_t octaves(std::int64_t value)
{
    std::int32_t bits = 0;
    for (; value > 1; value >>= 1) {
        ++bits;
    }
    return bits;
}

// Divides the frequencies of a row of `length` symbols in proportion to `count` weights. Every frequency is
// stored less 1; symbols without a weight get 0.
void spread(const std::int64_t *weights, std::size_t count, std::size_t length, float *row)
{
    const std::int64_t free = one - static_cast<std::int64_t>(length);
    std::int64_t total = 0;
    for (std::size_t i = 0; i < count; ++i) {
        total += weights[i];
    }
    std::int64_t sum = 0, before = 0;
    for (std::size_t i = 0; i < count; ++i) {
        sum += weights[i];
        const std::int64_t below = sum * free / total;
        row[i] = static_cast<float>(below - before);
        before = below;
    }
    std::fill(row + count, row + length, 0.0F);
}

} // namespace

Bins bins_of(const j2kl_mixture_tables &tables, const std::int16_t *parameters, std::size_t components)
{
    constexpr std::int64_t heavy = std::int64_t{1} << (weight_bits - 6);
    constexpr std::int32_t per_octave = 23637; // 2^20 / (64 ln 2)
    const Components mixture = read(tables, parameters, components);
    const Component *const begin = mixture.all, *const end = begin + mixture.count;
    std::int64_t sum = std::int64_t{1} << (weight_bits - 1);
    for (const Component *c = begin; c != end; ++c) {
        sum += c->weight * c->mean;
    }
    const std::int64_t mean = sum >> weight_bits;
    std::int64_t variance = 0;
    std::int32_t smallest = highest_log_scale - lowest_log_scale;
    for (const Component *c = begin; c != end; ++c) {
        variance += c->weight * (tables.variance[c->scale] + (c->mean - mean) * (c->mean - mean));
        smallest = c->weight >= heavy ? std::min(smallest, c->scale) : smallest;
    }
    Bins result;
    result.centre = static_cast<std::int32_t>((mean + 16) >> 5);
    result.width = octaves(variance >> (weight_bits + 10)) >> 1;
    result.raw = std::clamp((((smallest + lowest_log_scale) * per_octave) >> 20) - 3, 0, result.width);
    std::int64_t edges[2];
    accumulate(tables, mixture, result.centre, std::int64_t{1} << result.width, 2, edges);
    result.inside = static_cast<std::int32_t>(edges[1] - edges[0]);
    return result;
}

void outside_row(const j2kl_mixture_tables &tables, const std::int16_t *parameters, std::size_t components,
                 std::int32_t centre, std::int32_t width, float *row)
{
    const std::int64_t bin = std::int64_t{1} << width;
    std::int64_t edges[bins + 1], weights[others];
    accumulate(tables, read(tables, parameters, components), centre - bins / 2 * bin, bin, bins + 1, edges);
    std::int64_t *weight = weights;
    *weight++ = edges[0] + 1;
    for (std::int64_t i = 0; i < bins; ++i) {
        if (i != bins / 2) {
            *weight++ = edges[i + 1] - edges[i] + 1;
        }
    }
    *weight = one - edges[bins] + 1;
    spread(weights, others, others, row);
}

void digit_row(const j2kl_mixture_tables &tables, const std::int16_t *parameters, std::size_t components,
               std::int32_t low, std::int32_t step, std::int32_t bits, float *row)
{
    const std::size_t count = std::size_t{1} << bits;
    std::int64_t edges[digits + 1], weights[digits];
    accumulate(tables, read(tables, parameters, components), low, std::int64_t{1} << step, count + 1, edges);
    for (std::size_t i = 0; i < count; ++i) {
        weights[i] = edges[i + 1] - edges[i] + 1;
    }
    spread(weights, count, digits, row);
}

} // namespace j2kl::mixture
