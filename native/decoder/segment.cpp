#include "decoder/segment.hpp"

#include "base/failure.hpp"

#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <tuple>

namespace j2kl::picture {

namespace {

constexpr std::uint8_t magic[4] = {'J', '2', 'K', 'L'};
constexpr std::uint32_t latest_version = 7, lossless_version = 5, // this one, and all later ones, are lossless
                        ordered_version = 7; // names the order of chroma
constexpr std::uint8_t base_chroma = 16, normalised = 32; // flags beside the opacities, version 4
constexpr std::size_t fixed_size = 46, noise_head = 5, rule_size = 5, weights_head = 8, checksum_size = 4;
constexpr std::size_t most_embedded_bytes = std::size_t{1} << 20;

void need(bool condition, const char *text)
{
    if (!condition) {
        throw Failure(J2KL_ERROR_SEGMENT, text);
    }
}

constexpr char wrong_length[] = "the learned-transform segment has the wrong length";

Bytes without_checksum(const Bytes &data)
{
    need(data.size >= checksum_size &&
             crc32(data.from(0, data.size - checksum_size)) == data.u32(data.size - checksum_size),
         "the learned-transform segment is damaged: its checksum is wrong");
    return data.from(0, data.size - checksum_size);
}

void read_noise(const Bytes &table, Segment &segment)
{
    need(table.size >= noise_head, wrong_length);
    segment.noise_layers = table.data[0];
    segment.noise_tiles = table.u32(1);
    const std::size_t rows = std::size_t{segment.components} * segment.noise_layers,
                      size = table.size - noise_head;
    need(rows > 0 && segment.noise_tiles > 0 && size % rows == 0 && size / rows == segment.noise_tiles,
         wrong_length);
    segment.noise.assign(table.data + noise_head, table.data + table.size);
}

void read_rules(const Bytes &rules, Segment &segment)
{
    constexpr std::int32_t most_offset = 1 << 17;
    for (std::size_t at = 0; at < rules.size; at += rule_size) {
        Normalisation rule;
        rule.exponent = rules.data[at];
        const std::uint32_t bits = rules.u32(at + 1);
        std::memcpy(&rule.offset, &bits, sizeof bits);
        need(rule.exponent <= 15 && rule.offset >= -most_offset && rule.offset <= most_offset,
             "the normalisation of a component is out of range");
        segment.normalisation.push_back(rule);
    }
}

// The weight for a code of versions from 6 on: up to 64 the code itself, then in steps of 8.
std::int32_t weight_of(std::int8_t code)
{
    constexpr std::int32_t fine = 64, coarse = 8;
    const std::int32_t value = code, size = value < 0 ? -value : value;
    const std::int32_t further = size > fine ? (size - fine) * (coarse - 1) : 0;
    return value < 0 ? value - further : value + further;
}

// Reads the weights of one subband.
BandWeights read_weights(const std::uint8_t *data, std::uint32_t version)
{
    const auto code = [data](std::size_t at) { return static_cast<std::int8_t>(data[at]); };
    BandWeights weights;
    if (version == lossless_version) { // three weights in sixteenths
        weights.first[0] = 4 * code(0);
        weights.second[0] = 4 * code(1);
        weights.second[4] = 4 * code(2);
        return weights;
    }
    for (std::size_t i = 0; i < weights.first.size(); ++i) {
        weights.first[i] = weight_of(code(i));
    }
    for (std::size_t i = 0; i < weights.second.size(); ++i) {
        weights.second[i] = weight_of(code(weights.first.size() + i));
    }
    return weights;
}

// Reads the steps of the reversible transform, which end the payload.
void read_steps(const Bytes &data, Segment &segment)
{
    const std::size_t per_band = segment.version == lossless_version ? 3 : 10,
                      per_level = per_band * std::tuple_size_v<Weights>;
    const bool ordered = segment.version >= ordered_version;
    const std::size_t components = segment.components, switches = components + (ordered ? 1 : 0),
                      levels = data.size > switches ? data.data[switches] : 0,
                      end = switches + 1 + per_level * levels, rules = rule_size * components;
    need(data.size == end || data.size == end + rules, "the learned-transform segment has invalid steps");
    for (std::size_t i = 0; i < components; ++i) {
        need(data.data[i] <= 1, "the learned-transform segment has invalid steps");
        segment.steps.learned.push_back(data.data[i] == 1);
    }
    if (ordered) {
        need(data.data[components] <= 1, "the learned-transform segment has invalid steps");
        segment.steps.red_first = data.data[components] == 1;
    }
    need(levels <= (segment.rct() ? segment.levels : 0) && (segment.rct() || !segment.steps.red_first),
         "the learned-transform segment has weights of levels or components that are not there");
    segment.steps.weights.resize(levels);
    const std::uint8_t *from = data.data + switches + 1;
    for (Weights &level : segment.steps.weights) {
        for (BandWeights &band : level) {
            band = read_weights(from, segment.version);
            from += per_band;
        }
    }
    read_rules(data.from(end, data.size - end), segment);
}

Segment read_segment(const Bytes &data)
{
    const Bytes payload = without_checksum(data);
    need(payload.size >= fixed_size, "the learned-transform segment is too short");
    Segment segment;
    segment.version = payload.data[4];
    if (segment.version < 1 || segment.version > latest_version) {
        throw Failure(J2KL_ERROR_UNSUPPORTED, "the learned-transform segment has version " +
                                                  std::to_string(segment.version) +
                                                  ", but j2klearn reads versions up to " +
                                                  std::to_string(latest_version));
    }
    const std::uint8_t transport = payload.data[6], colour = payload.data[10],
                       flags = segment.version == 4 ? payload.data[12] & (base_chroma | normalised) : 0,
                       opacities = payload.data[12] - flags;
    const std::size_t count = payload.data[13];
    segment.precision = payload.data[7];
    segment.levels = payload.data[9];
    segment.components = payload.data[11];
    need(transport <= 1 && colour <= 3 && opacities <= 2,
         "the learned-transform segment names an unknown transport, colour or opacities");
    need(segment.precision >= 1 && segment.precision <= 16 && segment.levels <= 32 && segment.components >= 1,
         "the learned-transform segment has a precision, levels or components out of range");
    segment.reversible = transport == 1;
    segment.colour = static_cast<Segment::Colour>(colour);
    segment.base_chroma = (flags & base_chroma) != 0;
    segment.shared = opacities == 0 ? 1 : opacities == 1 ? segment.components : 3;
    std::memcpy(segment.model.data(), payload.data + 14, segment.model.size());
    const std::size_t table = fixed_size + 4 * count;
    std::size_t end = payload.size;
    need(payload.size >= table && (segment.version > 1 || payload.size == table), wrong_length);
    if (segment.version == 3 || (flags & normalised) != 0) {
        const std::size_t rules = rule_size * segment.components;
        need(end - table >= rules + noise_head, wrong_length);
        end -= rules;
        read_rules(payload.from(end, rules), segment);
    }
    if (segment.version >= lossless_version) {
        read_steps(payload.from(table, end - table), segment);
    } else if (segment.version >= 2) {
        const Bytes noise = payload.from(table, end - table);
        const bool none =
            segment.version >= 3 && noise.size == noise_head && noise.data[0] == 0 && noise.u32(1) == 0;
        if (!none) {
            read_noise(noise, segment);
        }
    }
    need(segment.reversible == (segment.version >= lossless_version) && (!segment.reversible || count == 0) &&
             (segment.colour != Segment::Colour::green || segment.version >= ordered_version),
         "the version of the learned-transform segment does not fit its transport");
    need(count == 0 || count == 3 * std::size_t{segment.levels} + 1,
         "the learned-transform segment has invalid subband scales");
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t bits = payload.u32(fixed_size + 4 * i);
        float scale = 0;
        std::memcpy(&scale, &bits, sizeof bits);
        need(std::isfinite(scale) && static_cast<double>(scale) >= 1e-3 && static_cast<double>(scale) <= 1e3,
             "the learned-transform segment has invalid subband scales");
        segment.scales.push_back(scale);
    }
    return segment;
}

std::vector<std::uint8_t> join_model(const std::vector<Bytes> &payloads)
{
    std::map<std::uint32_t, Bytes> parts;
    std::size_t expected = 0, size = 0;
    for (const Bytes &data : payloads) {
        const Bytes payload = without_checksum(data);
        need(payload.size >= weights_head, "a part of the embedded model is too short");
        expected = payload.data[7];
        parts[payload.data[6]] = payload.from(weights_head, payload.size - weights_head);
    }
    for (const auto &[index, part] : parts) {
        size += part.size;
    }
    need(parts.size() == expected && (parts.empty() || parts.rbegin()->first + 1 == expected),
         "parts of the embedded model are missing");
    need(size <= most_embedded_bytes, "the embedded model is larger than 1048576 bytes");
    std::vector<std::uint8_t> model;
    model.reserve(size);
    for (const auto &[index, part] : parts) {
        model.insert(model.end(), part.data, part.data + part.size);
    }
    return model;
}

} // namespace

Comments read_comments(const std::vector<Bytes> &comments)
{
    std::vector<Bytes> segments, weights;
    bool others = false, ours = false;
    for (const Bytes &data : comments) {
        if (data.size > sizeof magic + 1 && data.starts_with(magic, sizeof magic)) {
            ours = true;
            const std::uint8_t kind = data.data[5];
            (kind == 0 ? segments : weights).push_back(data);
            others |= kind > 1;
        }
    }
    if (!ours) {
        return {};
    }
    need(!others && segments.size() == 1,
         "the codestream does not have exactly one valid learned-transform segment");
    Comments result;
    result.segment = read_segment(segments[0]);
    result.model = join_model(weights);
    return result;
}

} // namespace j2kl::picture
