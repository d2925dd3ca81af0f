#include "decoder/source.hpp"

#include "base/bytes.hpp"
#include "base/failure.hpp"
#include "codestream/boxes.hpp"
#include "codestream/markers.hpp"

#include <algorithm>
#include <cstring>

namespace j2kl::picture {

namespace {

constexpr std::size_t most_header_bytes = std::size_t{1} << 26, most_boxes = 65536, chunk = 65536;

[[noreturn]] void fail(const char *text)
{
    throw Failure(J2KL_ERROR_OPENJPEG, text);
}

// Calls visit(box) for the boxes in [at, end), of which there are at most `most_boxes`, until it returns false.
template <class Visit>
void for_boxes(const Source &source, std::uint64_t at, std::uint64_t end, const Visit &visit)
{
    std::size_t count = 0;
    j2kl::for_boxes([&](std::uint64_t offset, std::uint8_t *target,
                        std::size_t size) { return source.read(offset, target, size); },
                    at, end, [&](const Box &box) { return count++ < most_boxes && visit(box); });
}

} // namespace

Source::Source(const j2kl_reader &reader) : reader_(reader), size_(reader.size)
{
    require(reader.read != nullptr, "there is no function that reads the file");
}

std::size_t Source::read(std::uint64_t offset, std::uint8_t *target, std::size_t count) const
{
    if (offset >= size_) {
        return 0;
    }
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(count, size_ - offset));
    if (data_ != nullptr) {
        std::memcpy(target, data_ + offset, length);
        return length;
    }
    std::size_t done = 0;
    while (done < length) {
        const std::int64_t got = reader_.read(reader_.context, offset + done, target + done, length - done);
        if (got < 0 || static_cast<std::uint64_t>(got) > length - done) {
            fail("the file cannot be read");
        }
        if (got == 0) {
            break;
        }
        done += static_cast<std::size_t>(got);
    }
    return done;
}

Place find_codestream(const Source &source)
{
    std::uint8_t start[12];
    const Bytes bytes = {start, source.read(0, start, sizeof start)};
    if (bytes.starts_with(soc_and_siz, sizeof soc_and_siz)) {
        return {0, source.size(), false};
    }
    if (!bytes.starts_with(jp2_signature, sizeof jp2_signature)) {
        fail("this is neither a JPEG 2000 codestream nor a JP2 file");
    }
    Place place;
    for_boxes(source, 0, source.size(), [&](const Box &box) {
        if (box.type == box_type("jp2h")) {
            for_boxes(source, box.content, box.end, [&](const Box &inner) {
                place.has_palette |= inner.type == box_type("pclr");
                return true;
            });
        } else if (box.type == box_type("jp2c")) {
            place.begin = box.content;
            place.end = box.end;
        }
        return box.type != box_type("jp2c");
    });
    if (place.end == 0) {
        fail("the JP2 file has no codestream");
    }
    return place;
}

std::vector<std::uint8_t> read_main_header(const Source &source, const Place &place)
{
    std::vector<std::uint8_t> head;
    // Whether the first `count` bytes of the codestream are there.
    const auto have = [&](std::size_t count) {
        if (count > most_header_bytes) {
            throw Failure(J2KL_ERROR_LIMIT, "the main header of the codestream is larger than 64 MiB");
        }
        if (count <= head.size()) {
            return true;
        }
        const std::size_t old = head.size();
        const std::uint64_t left = place.end - place.begin - old;
        const auto wanted =
            static_cast<std::size_t>(std::min<std::uint64_t>(std::max(count - old, chunk), left));
        head.resize(old + wanted);
        head.resize(old + source.read(place.begin + old, head.data() + old, wanted));
        return count <= head.size();
    };
    const auto truncated = [] { fail("the main header of the codestream is damaged or truncated"); };
    if (!have(4) || !Bytes{head.data(), head.size()}.starts_with(soc_and_siz, sizeof soc_and_siz)) {
        fail("this is not a JPEG 2000 codestream");
    }
    for (std::size_t at = 2;;) {
        if (!have(at + 2)) {
            truncated();
        }
        const std::uint32_t name = Bytes{head.data(), head.size()}.u16(at);
        if (name == marker::sot) {
            head.resize(at + 2);
            return head;
        }
        if (stands_alone(name)) {
            at += 2;
            continue;
        }
        if (name <= marker::soc || name == marker::sop || name == marker::eph || name == marker::sod ||
            name == marker::eoc || !have(at + 4)) {
            truncated();
        }
        const std::uint32_t length = Bytes{head.data(), head.size()}.u16(at + 2);
        if (length < 2 || !have(at + 2 + length)) {
            truncated();
        }
        at += 2 + length;
    }
}

} // namespace j2kl::picture
