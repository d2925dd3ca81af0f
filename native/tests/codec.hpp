// Shorthands for calling the library in tests.
#pragma once

#include "j2kl.h"
#include "tests/check.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

using Bytes = std::vector<std::uint8_t>;
template <class T> using Planes = std::vector<std::vector<T>>;

inline j2kl_parameters default_parameters(std::uint32_t x0, std::uint32_t y0, std::uint32_t x1,
                                          std::uint32_t y1)
{
    j2kl_parameters p{};
    p.x0 = x0;
    p.y0 = y0;
    p.x1 = x1;
    p.y1 = y1;
    p.components = 1;
    p.precision = 16;
    p.levels = 5;
    p.reversible = 1;
    p.codeblock_width = p.codeblock_height = 64;
    p.layers = 1;
    p.threads = 1;
    return p;
}

inline std::size_t sample_count(const j2kl_parameters &p)
{
    return static_cast<std::size_t>(p.x1 - p.x0) * (p.y1 - p.y0);
}

struct Encoded {
    int code = J2KL_OK;
    std::string error;
    Bytes bytes;
};

template <class T>
Encoded encode(const j2kl_parameters &parameters, const Planes<T> &planes, bool samples = false)
{
    Encoded result;
    const auto report = std::make_unique<j2kl_report>();
    j2kl_encoder *encoder = nullptr;
    result.code = j2kl_encoder_create(&parameters, report.get(), &encoder);
    for (std::uint32_t i = 0; result.code == J2KL_OK && i < planes.size(); ++i) {
        result.code = samples ? j2kl_encoder_put_samples(encoder, i,
                                                         static_cast<const std::int32_t *>(
                                                             static_cast<const void *>(planes[i].data())))
                              : j2kl_encoder_put_subbands(encoder, i, planes[i].data());
    }
    if (result.code == J2KL_OK) {
        const std::uint8_t *data = nullptr;
        std::size_t size = 0;
        result.code = j2kl_encoder_finish(encoder, &data, &size);
        if (result.code == J2KL_OK) {
            result.bytes.assign(data, data + size);
        }
    }
    j2kl_encoder_free(encoder);
    result.error = report->error;
    return result;
}

// Opens and decodes a codestream; owns the handle.
class Decoded {
public:
    explicit Decoded(const Bytes &bytes, const j2kl_request &request = {}, const j2kl_limits &limits = {})
        : report_(std::make_unique<j2kl_report>())
    {
        code = j2kl_decoder_open(bytes.data(), bytes.size(), &limits, report_.get(), &decoder);
        if (code == J2KL_OK) {
            j2kl_decoder_header(decoder, &header);
            code = j2kl_decoder_decode(decoder, &request);
        }
    }
    Decoded(const Decoded &) = delete;
    Decoded &operator=(const Decoded &) = delete;
    ~Decoded() { j2kl_decoder_free(decoder); }

    std::string error() const { return report_->error; }
    std::string warning() const { return report_->warning; }
    std::string missing() const { return report_->missing; }

    std::uint32_t count() const
    {
        std::uint32_t result = 0;
        return j2kl_decoder_component_count(decoder, &result) == J2KL_OK ? result : 0;
    }

    j2kl_component component(std::uint32_t index) const
    {
        j2kl_component result{};
        j2kl_decoder_component(decoder, index, &result);
        return result;
    }

    std::vector<std::int32_t> subbands(std::uint32_t index, std::uint32_t levels)
    {
        std::vector<std::int32_t> result(size(index) + 1);
        last = j2kl_decoder_get_subbands(decoder, index, levels, result.data());
        result.pop_back();
        return result;
    }

    std::vector<std::int32_t> samples(std::uint32_t index)
    {
        std::vector<std::int32_t> result(size(index) + 1);
        last = j2kl_decoder_get_samples(decoder, index, result.data());
        result.pop_back();
        return result;
    }

    int code = J2KL_OK, last = J2KL_OK;
    j2kl_header header{};
    j2kl_decoder *decoder = nullptr;

private:
    std::size_t size(std::uint32_t index) const
    {
        const j2kl_component c = component(index);
        return static_cast<std::size_t>(c.width) * c.height;
    }

    std::unique_ptr<j2kl_report> report_;
};
