// T.800 B.10.1: the bits of a packet header. The byte after 0xff holds seven bits.
#pragma once

#include "base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl {

// Beyond the end of the bytes it reads zeros, and ended() returns true.
class HeaderReader {
public:
    HeaderReader(const Bytes &bytes, std::size_t at, std::vector<bool> &record)
        : bytes_(bytes), at_(at), record_(record)
    {
    }

    std::uint32_t bit()
    {
        if (left_ == 0) {
            next_byte();
        }
        const std::uint32_t value = (byte_ >> --left_) & 1U;
        record_.push_back(value != 0);
        return value;
    }

    std::uint32_t bits(std::uint32_t count)
    {
        std::uint32_t value = 0;
        while (count-- > 0) {
            value = (value << 1) | bit();
        }
        return value;
    }

    // Returns the offset of the byte after the header.
    std::size_t finish()
    {
        if (byte_ == 0xff) {
            next_byte();
        }
        return at_;
    }

    bool ended() const { return ended_; }

private:
    void next_byte()
    {
        left_ = byte_ == 0xff ? 7 : 8;
        byte_ = 0;
        if (at_ < bytes_.size) {
            byte_ = bytes_.data[at_++];
        } else {
            ended_ = true;
        }
    }

    Bytes bytes_;
    std::size_t at_;
    std::vector<bool> &record_; // all bits read, for write_packet_header()
    std::uint32_t byte_ = 0, left_ = 0;
    bool ended_ = false;
};

class HeaderWriter {
public:
    explicit HeaderWriter(std::vector<std::uint8_t> &bytes) : bytes_(bytes) {}

    void bit(std::uint32_t value)
    {
        byte_ |= value << --left_;
        if (left_ == 0) {
            put();
        }
    }

    void finish()
    {
        // A header must not end in 0xff: if the last byte was 0xff, left_ is 7 and a zero byte follows.
        if (left_ < 8) {
            put();
        }
    }

private:
    void put()
    {
        bytes_.push_back(static_cast<std::uint8_t>(byte_));
        left_ = byte_ == 0xff ? 7 : 8;
        byte_ = 0;
    }

    std::vector<std::uint8_t> &bytes_;
    std::uint32_t byte_ = 0, left_ = 8;
};

} // namespace j2kl
