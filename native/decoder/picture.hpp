// An open file: what it is, and the samples of a learned one.
#pragma once

#include "base/geometry.hpp"
#include "base/report.hpp"
#include "decoder/coefficients.hpp"
#include "decoder/main_header.hpp"
#include "decoder/models.hpp"
#include "decoder/segment.hpp"
#include "decoder/source.hpp"
#include "transport/block_reader.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace j2kl::picture {

class Picture {
public:
    // `models` may be null. Throws Failure if the file is damaged.
    Picture(const Source &source, const Models *models, j2kl_report *report);

    j2kl_picture_info info() const;
    // The area of the samples of a request, in the coordinates of its resolution. Throws Failure if it is
    // invalid.
    Rect area(const j2kl_picture_request &request) const;
    // See j2kl_picture_decode.
    void decode(const j2kl_picture_request &request, std::int32_t *const *planes);
    // See j2kl_picture_decode_tiles.
    void decode_tiles(const Bytes &codestream, const j2kl_picture_request &request, std::int32_t *const *planes);

    // Decodes the coefficients of the first `layers` layers of a lossy learned file, without those of the finest level, and
    // hands them over by component. Needs no model.
    void decode_coarse(std::uint32_t layers, std::uint32_t threads,
                       const std::function<void(std::uint32_t component, const Coefficients &coefficients)> &take);

    const MainHeader &header() const { return *header_; }
    Reporter &reporter() const { return reporter_; }

private:
    void check_segment() const;
    void check_model() const;
    Rect grid_area(const j2kl_picture_request &request) const;
    void check_decodable(const j2kl_picture_request &request) const;
    void begin(const j2kl_picture_request &request) const;
    Bytes load();
    BlockReader *blocks(const Bytes &codestream);

    Source source_;
    Place place_;
    j2kl_report *report_;
    mutable Reporter reporter_;
    std::vector<std::uint8_t> head_; // the main header, as the file has it
    std::unique_ptr<const MainHeader> header_;
    std::optional<Segment> segment_;
    std::optional<FoundModel> model_;
    std::unique_ptr<const Reconstruction> reconstruction_; // null in lossless files
    std::vector<std::uint8_t> codestream_; // read when it is needed, unless the file is in memory
    std::unique_ptr<BlockReader> blocks_;  // made for the first region
    bool without_blocks_ = false;          // there can be no reader
};

} // namespace j2kl::picture
