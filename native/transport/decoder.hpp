// Decodes a codestream or JP2 file to samples or subbands.
#pragma once

#include "base/bytes.hpp"
#include "base/failure.hpp"
#include "base/geometry.hpp"
#include "codestream/new_header.hpp"
#include "codestream/repair.hpp"
#include "codestream/scan.hpp"
#include "j2kl.h"
#include "transport/openjpeg.hpp"
#include "transport/planes.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl {

class Decoder {
public:
    Decoder(const std::uint8_t *data, std::size_t size, const j2kl_limits &limits, j2kl_report *report);

    const j2kl_header &header() const { return header_; }
    // Before decode(): the codestream is the carrier of a lossless learned file; see carrier_header().
    void expect_carrier();
    void decode(const j2kl_request &request);
    std::uint32_t component_count() const;
    j2kl_component component(std::uint32_t index) const;
    void get_samples(std::uint32_t index, std::int32_t *samples) const;
    void get_subbands(std::uint32_t index, std::uint32_t levels, std::int32_t *subbands);

    Reporter &reporter() const { return reporter_; }

private:
    // The fields of SIZ and COD of a component that are needed to check requests.
    struct Source {
        std::uint32_t dx, dy, levels;
    };

    void check_tiles() const;
    TileGrid tiles() const;
    void read_header();
    Rect requested_area(const j2kl_request &request) const;
    void check_request(const j2kl_request &request) const;
    void check_lone_samples(std::uint32_t reduce) const;
    void replace_header(NewHeader header);
    Bytes codestream() const;
    void check_size(const j2kl_request &request, const Rect &area) const;
    Rect whole_tiles(const Rect &area) const;
    Image run(const j2kl_request &request, const Rect &area, bool strict);
    Image decode_anyway(const j2kl_request &request, const Rect &failed, const Failure &failure);
    void check_decoded(const Rect &area) const;
    void check_half_steps() const;
    void crop(const Rect &decoded);
    const opj_image_comp_t &decoded(std::uint32_t index) const;
    Rect area_of(const opj_image_comp_t &component, const Rect &on_grid) const;
    void undo_component_transform();
    void analyse_component(const opj_image_comp_t &component, bool transformed, std::uint32_t levels,
                           std::int32_t *subbands);

    Bytes data_; // the caller's data, or that of repair_
    j2kl_limits limits_;
    mutable Reporter reporter_;
    CodestreamScan scan_; // of the caller's data
    Repair repair_; // of the caller's data
    j2kl_header header_{};
    std::vector<Source> sources_;

    j2kl_request request_{};
    NewHeader new_header_; // empty unless half steps or a carrier are decoded
    Bytes head_, rest_;         // what OpenJPEG reads
    Rect image_area_;         // on the reference grid
    Rect area_;               // the requested area on the reference grid
    bool by_tiles_ = false;   // OpenJPEG can decode whole tiles only
    Image image_;
    bool attempted_ = false;
    bool transform_in_force_ = false; // OpenJPEG has undone the component transform
    bool transformed_ = false;        // ... and it has been applied again
};

} // namespace j2kl
