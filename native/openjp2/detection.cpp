#include "openjp2/detection.hpp"

#include "base/bytes.hpp"
#include "codestream/boxes.hpp"
#include "codestream/markers.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace j2kl::openjp2 {

namespace {

constexpr std::uint64_t most_header_bytes = std::uint64_t{1} << 26, endless = std::uint64_t{1} << 62;
constexpr std::size_t most_boxes = 65536;

// Parts of a file that lie close together.
class File {
public:
    explicit File(const char *name)
    {
        // What is no regular file, such as a pipe, could be read only once.
        struct stat status = {};
        if (stat(name, &status) == 0 && S_ISREG(status.st_mode)) {
            descriptor_ = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        }
    }
    File(const File &) = delete;
    File &operator=(const File &) = delete;
    ~File()
    {
        if (descriptor_ >= 0) {
            close(descriptor_);
        }
    }

    // Up to `count` bytes from `offset` on, until the next call.
    Bytes at(std::uint64_t offset, std::size_t count)
    {
        if (descriptor_ < 0 || offset > endless) {
            return {};
        }
        if (offset < start_ || offset + count > start_ + size_) {
            ssize_t got = 0;
            do {
                got = pread(descriptor_, buffer_, sizeof buffer_, static_cast<off_t>(offset));
            } while (got < 0 && errno == EINTR);
            start_ = offset;
            size_ = got > 0 ? static_cast<std::size_t>(got) : 0;
        }
        return {buffer_ + (offset - start_), std::min<std::size_t>(count, start_ + size_ - offset)};
    }

private:
    int descriptor_ = -1;
    std::uint64_t start_ = 0;
    std::size_t size_ = 0;
    std::uint8_t buffer_[2048];
};

// The start of the stream of a program.
class Begun {
public:
    explicit Begun(Stream &stream) : stream_(stream) {}

    Bytes at(std::uint64_t offset, std::size_t count)
    {
        if (offset > most_header_bytes) {
            return {};
        }
        const auto start = static_cast<std::size_t>(offset);
        const std::size_t end = stream_.have(start + count);
        return end > start ? Bytes{stream_.bytes().data() + start, end - start} : Bytes{};
    }

private:
    Stream &stream_;
};

// The offset of the codestream of a file. Returns false if there is none.
template <class Source> bool find_codestream(Source &source, std::uint64_t &begin)
{
    begin = 0;
    if (source.at(0, sizeof soc_and_siz).starts_with(soc_and_siz, sizeof soc_and_siz)) {
        return true;
    }
    if (!source.at(0, sizeof jp2_signature).starts_with(jp2_signature, sizeof jp2_signature)) {
        return false;
    }
    const auto read = [&](std::uint64_t offset, std::uint8_t *target, std::size_t count) {
        const Bytes bytes = source.at(offset, count);
        std::copy_n(bytes.data, bytes.size, target);
        return bytes.size;
    };
    std::size_t count = 0;
    for_boxes(read, 0, endless, [&](const Box &box) {
        if (box.type == box_type("jp2c")) {
            begin = box.content;
        }
        return begin == 0 && count++ < most_boxes;
    });
    return begin > 0 && source.at(begin, sizeof soc_and_siz).starts_with(soc_and_siz, sizeof soc_and_siz);
}

// Whether one of the COM marker segments of a main header is of the learned transform.
template <class Source> bool find_segment(Source &source, std::uint64_t begin)
{
    constexpr std::uint8_t learned[] = {0, 0, 'J', '2', 'K', 'L'}; // Rcom, and the data of the segment
    for (std::uint64_t at = 2; at < most_header_bytes;) {
        const Bytes head = source.at(begin + at, 4 + sizeof learned);
        if (head.size < 4) {
            return false;
        }
        const std::uint32_t name = head.u16(0), length = head.u16(2);
        if (stands_alone(name)) {
            at += 2;
            continue;
        }
        if (name <= marker::soc || name == marker::sot || name == marker::sop || name == marker::eph ||
            name == marker::sod || name == marker::eoc || length < 2) {
            return false;
        }
        if (name == marker::com && length >= 2 + sizeof learned &&
            head.from(4, sizeof learned).starts_with(learned, sizeof learned)) {
            return true;
        }
        at += 2 + length;
    }
    return false;
}

template <class Source> bool holds_segment(Source &source)
{
    std::uint64_t begin = 0;
    return find_codestream(source, begin) && find_segment(source, begin);
}

} // namespace

bool holds_learned_file(const char *file)
{
    File source(file);
    return holds_segment(source);
}

bool holds_learned_file(Stream &stream)
{
    Begun source(stream);
    return holds_segment(source);
}

} // namespace j2kl::openjp2
