// Small model files and learned files, for tests.
#pragma once

#include "decoder/digest.hpp"
#include "decoder/json.hpp"
#include "decoder/model_file.hpp"
#include "tests/codec.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace learned {

using Data = std::vector<std::uint8_t>;
using j2kl::picture::Id;
using j2kl::picture::Json;
using j2kl::picture::ModelFile;

inline void put(Data &out, std::uint64_t value, std::size_t bytes)
{
    while (bytes-- > 0) {
        out.push_back(static_cast<std::uint8_t>(value >> (8 * bytes)));
    }
}

inline void put(Data &out, const Data &more)
{
    out.insert(out.end(), more.begin(), more.end());
}

inline Data with_checksum(Data payload)
{
    put(payload, j2kl::picture::crc32({payload.data(), payload.size()}), 4);
    return payload;
}

// A model file of two small operators, or of one in a reversible model, with random weights.
inline Data model_file(const std::string &version = "2", bool reversible = false, const std::string &base = "5-3")
{
    const std::string table =
        R"({"input_bits": 4, "first_shift": 8, "last_shift": 9, "proposal_shift": 12, "offset": 40, )"
        R"("output_bits": 4, "block_shifts": [9, 9]})";
    const std::string kind =
        reversible ? R"("reversible", "base": ")" + base + "\"" : R"("hybrid", "base": "9-7")";
    const std::string config = R"({"version": )" + version + R"(, "structure": )" + kind +
                               R"(, "operator": "proposal-opacity", )" +
                               (reversible ? "" : R"("h2l": )" + table + ", ") + R"("l2h": )" + table + "}";
    const std::pair<const char *, std::vector<std::size_t>> tensors[] = {
        {"h2l.first", {4, 3, 3, 3}},     {"h2l.blocks", {2, 4, 4, 3, 3}}, {"h2l.last", {2, 4, 3, 3}},
        {"h2l.proposals", {2, 3, 5, 5}}, {"l2h.first", {4, 1, 3, 3}},     {"l2h.blocks", {2, 4, 4, 3, 3}},
        {"l2h.last", {2, 4, 3, 3}},      {"l2h.proposals", {6, 1, 5, 5}}};
    Json quoted;
    quoted.kind = Json::Kind::string;
    quoted.text = config;
    std::string header = "{\"__metadata__\": {\"config\": " + quoted.dumped() +
                         ", \"card\": \"{\\\"name\\\": \\\"small\\\"}\"}";
    Data weights;
    check::Random random(5);
    for (const auto &[name, shape] : tensors) {
        if (reversible && name[0] == 'h') {
            continue;
        }
        std::size_t count = 1;
        std::string axes;
        for (const std::size_t axis : shape) {
            count *= axis;
            axes += (axes.empty() ? "" : ", ") + std::to_string(axis);
        }
        header += std::string(", \"") + name + R"(": {"dtype": "I16", "shape": [)" + axes +
                  "], \"data_offsets\": [" + std::to_string(weights.size()) + ", " +
                  std::to_string(weights.size() + 2 * count) + "]}";
        for (std::size_t i = 0; i < count; ++i) {
            const auto bits = static_cast<std::uint16_t>(random.integer(-60, 60));
            weights.push_back(static_cast<std::uint8_t>(bits));
            weights.push_back(static_cast<std::uint8_t>(bits >> 8));
        }
    }
    header += "}";
    Data out;
    for (std::size_t i = 0; i < 8; ++i) {
        out.push_back(static_cast<std::uint8_t>(std::uint64_t{header.size()} >> (8 * i)));
    }
    out.insert(out.end(), header.begin(), header.end());
    put(out, weights);
    return out;
}

inline constexpr std::uint32_t layers = 2; // of `learned_file`

// The payload of the learned-transform segment of `learned_file`.
inline Data segment(std::uint8_t version, const Id &model, std::uint32_t components, std::uint32_t levels)
{
    const bool lossless = version >= 5;
    Data out = {'J',
                '2',
                'K',
                'L',
                version,
                0,
                static_cast<std::uint8_t>(lossless ? 1 : 0),
                12,
                static_cast<std::uint8_t>(lossless ? 0 : 2),
                static_cast<std::uint8_t>(levels),
                static_cast<std::uint8_t>(components < 3 ? 0 : version == 7 ? 3 : lossless ? 2 : 1),
                static_cast<std::uint8_t>(components),
                static_cast<std::uint8_t>(version == 4 ? 1 + 16 + 32 : 1), // base chroma, and normalisations
                0};
    out.insert(out.end(), model.begin(), model.end());
    if (lossless) {
        for (std::uint32_t i = 0; i < components; ++i) {
            out.push_back(i % 2 == 0 ? 1 : 0);
        }
        const std::uint32_t weights = components < 3 ? 0 : 1;
        put(out, weights, version == 7 ? 1 : 0); // the order of chroma
        put(out, weights, 1);
        for (std::uint32_t i = 0; i < (version == 5 ? 9 : 30) * weights; ++i) {
            put(out, 5 * i - 17, 1);
        }
    }
    if (version == 2) {
        put(out, layers, 1);
        put(out, 1, 4);
        for (std::uint32_t i = 0; i < components * layers; ++i) {
            put(out, 90, 1);
        }
    } else if (version >= 3) {
        put(out, 0, lossless ? 0 : 5);
        for (std::uint32_t i = 0; i < components; ++i) {
            put(out, 2, 1);
            put(out, 17, 4);
        }
    }
    return with_checksum(out);
}

inline void comment(Data &out, const Data &payload)
{
    put(out, 0xff64, 2);
    put(out, payload.size() + 4, 2);
    put(out, 0, 2);
    put(out, payload);
}

// The carrier of a small picture in colour.
inline j2kl_parameters carrier_parameters(std::uint32_t components, std::uint32_t precision)
{
    j2kl_parameters p = default_parameters(3, 5, 90, 77);
    p.components = components;
    p.precision = precision;
    p.is_signed = 1;
    p.reversible = 0;
    p.component_transform = 1;
    p.levels = 2;
    p.fraction_bits = 2;
    p.layers = layers;
    p.layer_bytes[0] = 3000;
    return p;
}

inline Data learned_file(std::uint8_t version = 1)
{
    j2kl_parameters p = carrier_parameters(3, 12);
    const bool lossless = version >= 5;
    p.reversible = lossless ? 1 : 0;
    p.fraction_bits = lossless ? 0 : 2;
    Planes<float> planes(3, std::vector<float>(sample_count(p)));
    Planes<std::int32_t> integers(3, std::vector<std::int32_t>(sample_count(p)));
    check::Random random(9);
    for (std::size_t component = 0; component < 3; ++component) {
        for (std::size_t i = 0; i < sample_count(p); ++i) {
            const float value = random.real(60);
            planes[component][i] = value;
            integers[component][i] = static_cast<std::int32_t>(value);
        }
    }
    Data data = (lossless ? encode(p, integers) : encode(p, planes)).bytes;
    const Data model = lossless ? model_file("3", true, version == 7 ? "non-separable-5-3" : "5-3") : model_file();
    Data part = {'J', '2', 'K', 'L', 1, 1, 0, 1}, comments;
    put(part, model);
    comment(comments, with_checksum(part));
    comment(comments, segment(version, ModelFile(model).id(), 3, p.levels));
    std::size_t sot = 2;
    while (!(data[sot] == 0xff && data[sot + 1] == 0x90)) {
        sot += 2 + 256U * data[sot + 2] + data[sot + 3];
    }
    data.insert(data.begin() + static_cast<std::ptrdiff_t>(sot), comments.begin(), comments.end());
    return data;
}

} // namespace learned
