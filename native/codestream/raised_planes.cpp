#include "codestream/raised_planes.hpp"

#include "base/failure.hpp"
#include "codestream/header_bits.hpp"
#include "codestream/markers.hpp"

namespace j2kl {

RaisedPlanes::RaisedPlanes(const Coding &coding, const std::uint8_t *planes, std::size_t count)
    : coding_(coding), planes_(planes)
{
    for (const ComponentCoding &component : coding.components) {
        const std::size_t bands = 3 * std::size_t{component.levels} + 1;
        require(bands_ == 0 || bands_ == bands, "the components have to have the same number of levels");
        bands_ = bands;
    }
    require(count == bands_ * coding.components.size(), "there has to be a number for every subband");
}

std::uint32_t RaisedPlanes::more(const Packet &packet, std::uint32_t band) const
{
    const std::size_t first = packet.resolution == 0 ? 0 : 3 * std::size_t{packet.resolution} - 2;
    return planes_[packet.component * bands_ + first + band];
}

void RaisedPlanes::append_header(const Bytes &data, const Packet &packet, const PacketHeader &header)
{
    const Bytes old = data.from(packet.header, packet.header_size);
    // The bits of a packet header cannot be those of a marker.
    const bool eph = coding_.eph && old.size >= 2 && old.u16(old.size - 2) == marker::eph;
    HeaderWriter bits(bytes_);
    std::size_t done = 0;
    const auto copy = [&](std::size_t end) {
        for (; done < end; ++done) {
            bits.bit(header.record[done] ? 1 : 0);
        }
    };
    for (const Contribution &contribution : header.contributions) {
        if (contribution.opens_band) {
            copy(contribution.planes_bit);
            for (std::uint32_t i = 0; i < more(packet, contribution.band); ++i) {
                bits.bit(0);
            }
        }
    }
    copy(header.record.size());
    bits.finish();
    if (eph) {
        bytes_.insert(bytes_.end(), {marker::eph >> 8, marker::eph & 0xff});
    }
}

void RaisedPlanes::append(const Bytes &data, const Packet &packet, const PacketHeader &header)
{
    const auto copy = [&](std::size_t from, std::size_t to) {
        bytes_.insert(bytes_.end(), data.data + from, data.data + to);
    };
    Packet result = packet;
    result.begin = bytes_.size();
    copy(packet.begin, packet.header); // SOP
    result.header = bytes_.size();
    append_header(data, packet, header);
    result.body = bytes_.size();
    result.header_size = result.body - result.header;
    copy(packet.body, packet.end);
    result.end = bytes_.size();
    packets_.push_back(result);
}

} // namespace j2kl
