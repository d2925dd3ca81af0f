#include "transport/block_reader.hpp"

#include "base/failure.hpp"
#include "base/parallel.hpp"
#include "codestream/half_steps.hpp"
#include "codestream/header_bits.hpp"
#include "codestream/markers.hpp"
#include "codestream/packet_header.hpp"
#include "transport/openjpeg.hpp"
#include "transport/planes.hpp"
#include "transport/stream.hpp"
#include "wavelet/wavelet.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

namespace j2kl {

namespace {

// Code-blocks of tiles that are kept for the next call, at most.
constexpr std::size_t most_kept = std::size_t{1} << 18;

// Coefficients of a small codestream. What OpenJPEG allocates for them should fit a second-level cache.
constexpr std::uint64_t batch_size = std::uint64_t{1} << 17;

constexpr std::size_t most_components = 16384;

// OpenJPEG decodes at most so many bit-planes.
constexpr std::uint32_t most_planes = 30;

constexpr std::size_t orientations = 4;

// A code-block to decode.
struct Job {
    const CodeBlock *block;
    const Piece *pieces; // of the tile
    Bytes codestream;
    const BandRequest *request;
    std::uint32_t planes; // bit-planes that are not zero, and one for half steps
};

// Code-blocks of the four orientations; null: none.
using Quad = std::array<const Job *, orientations>;

// What code-blocks of a small codestream have in common.
struct Kind {
    std::uint32_t width, height, style;

    explicit Kind(const Job &job)
        : width(job.block->area.width()), height(job.block->area.height()), style(job.block->style)
    {
    }
    bool operator<(const Kind &other) const
    {
        return std::tie(width, height, style) < std::tie(other.width, other.height, other.style);
    }
    std::uint64_t size() const { return orientations * std::uint64_t{width} * height; }
};

struct Batch {
    Kind kind;
    std::vector<Quad> quads;
};

// xcb or ycb of a code-block, at least 2 (Table A.18).
std::uint32_t block_exponent(std::uint32_t size)
{
    std::uint32_t exponent = 2;
    while ((std::uint32_t{1} << exponent) < size) {
        ++exponent;
    }
    return exponent;
}

// Table B.4.
void write_passes(HeaderWriter &bits, std::uint32_t passes)
{
    const auto write = [&](std::uint32_t value, std::uint32_t count) {
        while (count-- > 0) {
            bits.bit((value >> count) & 1U);
        }
    };
    if (passes == 1) {
        write(0, 1);
    } else if (passes == 2) {
        write(2, 2);
    } else if (passes < 6) {
        write(0xc + passes - 3, 4);
    } else if (passes < 37) {
        write(0x1e0 + passes - 6, 9);
    } else {
        write(0xff80 + passes - 37, 16);
    }
}

// Bits of a length, beyond log2 of the passes of its segment (clause B.10.7.1).
std::uint32_t length_bits(const Segment &segment)
{
    std::uint32_t width = 0, less = 0;
    while (width < 32 && (std::uint64_t{segment.size} >> width) != 0) {
        ++width;
    }
    while ((segment.passes >> (less + 1)) != 0) {
        ++less;
    }
    return width > less ? width - less : 0;
}

class SmallCodestream {
public:
    SmallCodestream(const Batch &batch, std::uint32_t layers) : batch_(batch), layers_(layers)
    {
        for (const Quad &quad : batch.quads) {
            for (const Job *job : quad) {
                planes_ = job != nullptr ? std::max(planes_, job->planes) : planes_;
            }
        }
    }

    std::vector<std::uint8_t> write()
    {
        write_main_header();
        const std::size_t start = out_.size();
        for (const std::uint32_t value : {marker::sot, 10U, 0U, 0U, 0U, 1U, marker::sod}) { // length: below
            u16(value);
        }
        // By resolution, then by component.
        for (const Quad &quad : batch_.quads) {
            write_packet(quad.data(), 1);
        }
        for (const Quad &quad : batch_.quads) {
            write_packet(quad.data() + 1, 3);
        }
        const std::size_t length = out_.size() - start;
        for (std::uint32_t i = 0; i < 4; ++i) {
            out_[start + 6 + i] = static_cast<std::uint8_t>(length >> (24 - 8 * i));
        }
        u16(marker::eoc);
        return std::move(out_);
    }

private:
    void u8(std::uint32_t value) { out_.push_back(static_cast<std::uint8_t>(value)); }
    void u16(std::uint32_t value)
    {
        u8(value >> 8);
        u8(value);
    }
    void u32(std::uint32_t value)
    {
        u16(value >> 16);
        u16(value);
    }

    void write_main_header()
    {
        const auto count = static_cast<std::uint32_t>(batch_.quads.size());
        const std::uint32_t width = 2 * batch_.kind.width, height = 2 * batch_.kind.height;
        u16(marker::soc);
        u16(marker::siz);
        u16(38 + 3 * count);
        u16(0);
        for (const std::uint32_t value : {width, height, 0U, 0U, width, height, 0U, 0U}) {
            u32(value);
        }
        u16(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            u8(0x80 | (half_step_precision - 1)); // signed
            u16(0x101);
        }
        u16(marker::cod);
        u16(12);
        // the largest precincts; LRCP, one layer, no component transform
        for (const std::uint32_t value : {0U, 0U, 0U, 1U, 0U}) {
            u8(value);
        }
        // one level; the 5/3
        for (const std::uint32_t value : {1U, block_exponent(batch_.kind.width) - 2,
                                          block_exponent(batch_.kind.height) - 2, batch_.kind.style, 1U}) {
            u8(value);
        }
        constexpr std::uint32_t guard_bits = 1;
        u16(marker::qcd);
        u16(7);
        u8(guard_bits << 5); // no quantisation
        for (std::size_t i = 0; i < orientations; ++i) {
            u8((planes_ + 1 - guard_bits) << 3);
        }
    }

    void write_packet(const Job *const *jobs, std::size_t count)
    {
        const bool any = std::any_of(jobs, jobs + count, [](const Job *job) { return job != nullptr; });
        HeaderWriter bits(out_);
        bits.bit(any ? 1 : 0);
        for (std::size_t i = 0; i < count && any; ++i) {
            bits.bit(jobs[i] != nullptr ? 1 : 0); // a tag tree of one node, for one layer
            if (jobs[i] != nullptr) {
                write_block(bits, *jobs[i]);
            }
        }
        bits.finish();
        for (std::size_t i = 0; i < count && any; ++i) {
            if (jobs[i] != nullptr) {
                append_data(*jobs[i]);
            }
        }
    }

    template <class Visit> void for_pieces(const Job &job, const Visit &visit) const
    {
        for (std::size_t i = job.block->first_piece; i < job.block->end_piece; ++i) {
            if (job.pieces[i].layer < layers_) {
                visit(job.pieces[i]);
            }
        }
    }

    // Joins the parts of codeword segments that are in different layers.
    void collect_segments(const Job &job)
    {
        segments_.clear();
        std::uint32_t done = 0, left = 0;
        for_pieces(job, [&](const Piece &piece) {
            if (left == 0) {
                left = passes_in_segment(job.block->style, done);
                segments_.push_back({0, 0});
            }
            segments_.back().passes += piece.passes;
            segments_.back().size += piece.size;
            done += piece.passes;
            left -= std::min(left, piece.passes);
        });
    }

    void write_block(HeaderWriter &bits, const Job &job)
    {
        collect_segments(job);
        for (std::uint32_t i = job.planes; i < planes_; ++i) {
            bits.bit(0);
        }
        bits.bit(1);
        std::uint32_t passes = 0, width = 3;
        for (const Segment &segment : segments_) {
            passes += segment.passes;
            width = std::max(width, length_bits(segment));
        }
        write_passes(bits, passes);
        for (std::uint32_t i = 3; i < width; ++i) {
            bits.bit(1);
        }
        bits.bit(0);
        for (const Segment &segment : segments_) {
            std::uint32_t count = width;
            for (std::uint32_t i = segment.passes; i > 1; i >>= 1) {
                ++count;
            }
            while (count-- > 0) {
                bits.bit(count < 32 ? (segment.size >> count) & 1U : 0);
            }
        }
    }

    void append_data(const Job &job)
    {
        for_pieces(job, [&](const Piece &piece) {
            const std::uint8_t *data = job.codestream.data + piece.offset;
            out_.insert(out_.end(), data, data + piece.size);
        });
    }

    const Batch &batch_;
    const std::uint32_t layers_;
    std::uint32_t planes_ = 1; // bit-planes of the subbands
    std::vector<Segment> segments_; // of a code-block
    std::vector<std::uint8_t> out_;
};

// Decodes a codestream of one tile, whose components have one size.
Image decode(const std::vector<std::uint8_t> &codestream, Reporter &reporter)
{
    const InputStream stream({codestream.data(), codestream.size()}, {});
    const Codec codec(opj_create_decompress(OPJ_CODEC_J2K), reporter);
    opj_dparameters_t settings;
    opj_set_default_decoder_parameters(&settings);
    opj_image_t *image = nullptr;
    const auto need = [&](bool success) {
        require_openjpeg(success, reporter, "OpenJPEG could not decode the code-blocks");
    };
    need(opj_setup_decoder(codec.get(), &settings) != OPJ_FALSE);
    codec.set_threads(1);
    const bool read = opj_read_header(stream.get(), codec.get(), &image) != OPJ_FALSE;
    Image owner(image);
    need(read && owner && opj_decode(codec.get(), stream.get(), image) != OPJ_FALSE);
    return owner;
}

// Copies what a request needs of a code-block.
void copy_block(const Job &job, const std::int32_t *coefficients)
{
    const Rect &from = job.block->area, &to = job.request->area;
    const Rect both = from.intersection(to);
    for (std::uint32_t y = both.y0; y < both.y1; ++y) {
        const std::size_t source = std::size_t{y - from.y0} * from.width() + (both.x0 - from.x0),
                          target = std::size_t{y - to.y0} * to.width() + (both.x0 - to.x0);
        std::copy_n(coefficients + source, both.width(), job.request->half_steps + target);
    }
}

void decode_batch(const Batch &batch, std::uint32_t layers, Reporter &reporter)
{
    const std::uint32_t width = batch.kind.width, height = batch.kind.height;
    const Rect area = {0, 0, 2 * width, 2 * height};
    const Image image = decode(SmallCodestream(batch, layers).write(), reporter);
    const auto count = static_cast<std::size_t>(area.size());
    std::array<std::vector<std::int32_t>, orientations> coefficients;
    Bands<std::int32_t> bands;
    Plane<std::int32_t> *const planes[] = {&bands.ll, &bands.hl, &bands.lh, &bands.hh};
    for (std::size_t i = 0; i < orientations; ++i) {
        coefficients[i].resize(count / orientations);
        *planes[i] = {coefficients[i].data(), width};
    }
    if (image->numcomps != batch.quads.size()) {
        throw Failure(J2KL_ERROR_OPENJPEG, "OpenJPEG has decoded another number of components");
    }
    for (std::size_t at = 0; at < batch.quads.size(); ++at) {
        const opj_image_comp_t &component = image->comps[at];
        constexpr std::int32_t limit = std::int32_t{1} << (half_step_precision - 1);
        if (component.data == nullptr || component.w != area.width() || component.h != area.height() ||
            !all_within(component.data, count, -limit + 1, limit - 2, 1)) {
            throw Failure(J2KL_ERROR_OPENJPEG, "the coefficients are larger than a decoder can process");
        }
        analyse(Plane<const std::int32_t>{component.data, area.width()}, area, bands, 1);
        for (std::size_t i = 0; i < orientations; ++i) {
            if (batch.quads[at][i] != nullptr) {
                copy_block(*batch.quads[at][i], coefficients[i].data());
            }
        }
    }
}

// Puts code-blocks of one kind together.
void divide(const std::vector<const Job *> &jobs, std::vector<Batch> &batches)
{
    const Kind kind(*jobs[0]);
    const std::size_t most = std::clamp<std::size_t>(batch_size / kind.size(), 1, most_components);
    std::array<std::vector<const Job *>, orientations> queues;
    std::size_t longest = 0;
    for (const Job *job : jobs) {
        std::vector<const Job *> &queue = queues[static_cast<std::size_t>(job->block->band)];
        queue.push_back(job);
        longest = std::max(longest, queue.size());
    }
    for (std::size_t i = 0; i < longest; ++i) {
        if (i % most == 0) {
            batches.push_back({kind, {}});
        }
        Quad quad;
        for (std::size_t each = 0; each < orientations; ++each) {
            quad[each] = i < queues[each].size() ? queues[each][i] : nullptr;
        }
        batches.back().quads.push_back(quad);
    }
}

// Whether a tile has coefficients of a request.
bool touches(const Rect &tile, const BandRequest &request)
{
    return !tile.subband(request.band, request.level).intersection(request.area).empty();
}

} // namespace

const TileBlocks &BlockReader::blocks_of(std::uint32_t tile)
{
    const auto found = std::find_if(tiles_.begin(), tiles_.end(), [&](const auto &kept) { return kept.first == tile; });
    if (found == tiles_.end()) {
        tiles_.emplace_front(tile, index_.read(tile));
    } else {
        tiles_.splice(tiles_.begin(), tiles_, found);
    }
    return tiles_.front().second;
}

void BlockReader::read(const std::vector<BandRequest> &requests, std::uint32_t layers, std::uint32_t threads)
{
    const auto key = [](std::uint32_t component, std::uint32_t level, Band band) {
        return (std::uint64_t{component} * 33 + level) * orientations + static_cast<std::uint64_t>(band);
    };
    std::map<std::uint64_t, const BandRequest *> wanted;
    for (const BandRequest &request : requests) {
        require(request.component < index_.components(), "there is no such component");
        require(request.level <= index_.levels(request.component) && (request.level > 0 || request.band == Band::LL),
                "there is no such decomposition level");
        require(request.half_steps != nullptr || request.area.empty(), "there is no place for the coefficients");
        require(request.band != Band::LL || request.level == index_.levels(request.component),
                "the low-pass subband of this level is not coded");
        require(wanted.emplace(key(request.component, request.level, request.band), &request).second,
                "a subband is asked for twice");
        std::fill_n(request.half_steps, static_cast<std::size_t>(request.area.size()), 0);
    }
    const TileGrid &grid = index_.tiles();
    std::vector<Job> jobs;
    for (std::uint32_t tile = 0; tile < grid.count(); ++tile) {
        const Rect area = grid.tile(tile);
        if (std::none_of(requests.begin(), requests.end(),
                         [&](const BandRequest &request) { return touches(area, request); })) {
            continue;
        }
        const TileBlocks &blocks = blocks_of(tile);
        for (const CodeBlock &block : blocks.blocks) {
            const auto found = wanted.find(key(block.component, block.level, block.band));
            const bool needed = found != wanted.end() && !block.area.intersection(found->second->area).empty() &&
                                (layers == 0 || blocks.pieces[block.first_piece].layer < layers);
            if (!needed) {
                continue;
            }
            const std::uint32_t planes = index_.bit_planes(block.component, block.band, block.level) + 1;
            if (block.zero_planes >= planes || planes - block.zero_planes > most_planes) {
                throw Failure(J2KL_ERROR_UNSUPPORTED, "a code-block has more bit-planes than can be decoded");
            }
            jobs.push_back({&block, blocks.pieces.data(), index_.codestream(), found->second, planes - block.zero_planes});
        }
    }
    std::map<Kind, std::vector<const Job *>> kinds;
    for (const Job &job : jobs) {
        kinds[Kind(job)].push_back(&job);
    }
    std::vector<Batch> batches;
    for (const auto &kind : kinds) {
        divide(kind.second, batches);
    }
    parallel_for(batches.size(), threads, [&](std::size_t index) {
        decode_batch(batches[index], layers > 0 ? layers : UINT32_MAX, reporter_);
    });
    std::size_t kept = 0;
    for (auto tile = tiles_.begin(); tile != tiles_.end();) {
        kept += tile->second.blocks.size() + tile->second.pieces.size();
        tile = kept > most_kept ? tiles_.erase(tile) : std::next(tile);
    }
}

} // namespace j2kl
