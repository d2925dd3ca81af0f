// Native decoding of learned files: the parsers, on valid, damaged and mutated input. Python tests compare
// the samples.
#include "base/failure.hpp"
#include "decoder/digest.hpp"
#include "decoder/json.hpp"
#include "decoder/main_header.hpp"
#include "decoder/model_file.hpp"
#include "decoder/models.hpp"
#include "decoder/picture.hpp"
#include "decoder/segment.hpp"
#include "decoder/tables.hpp"
#include "tests/codec.hpp"
#include "tests/learned_files.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

namespace {

using namespace j2kl::picture;
using namespace learned;

// The code of the failure of a function; J2KL_OK if it succeeds.
int code_of(const std::function<void()> &body)
{
    try {
        body();
    } catch (const j2kl::Failure &failure) {
        return failure.code();
    }
    return J2KL_OK;
}

void digests()
{
    Sha256 empty, abc, two_blocks;
    CHECK(hexadecimal(empty.digest()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
          "empty");
    abc.update("abc");
    CHECK(hexadecimal(abc.digest()) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
          "abc");
    for (const char *part : {"abcdbcdecdefdefgefghfghighijhij", "kijkljklmklmnlmnomnopnopq"}) {
        two_blocks.update(part);
    }
    CHECK(hexadecimal(two_blocks.digest()) ==
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
          "56 bytes");
    Sha256 at_once, in_pieces;
    const std::string text(1000, 'x');
    at_once.update(text);
    for (std::size_t at = 0, step = 1; at < text.size(); at += step, step = step % 130 + 7) {
        in_pieces.update(std::string_view(text).substr(at, step));
    }
    CHECK(at_once.digest() == in_pieces.digest(), "pieces");
    const std::string check = "123456789";
    CHECK(crc32({static_cast<const std::uint8_t *>(static_cast<const void *>(check.data())), check.size()}) ==
              0xcbf43926U,
          "CRC");
}

void json()
{
    const std::pair<const char *, const char *> good[] = {
        {R"({"b": 1, "a": [true, null, -0, 2.50]})", R"({"a": [true, null, 0, 2.5], "b": 1})"},
        {R"(["\u00e9\ud83d\ude00\n\/"])", R"(["\u00e9\ud83d\ude00\n/"])"},
        {"[\"\xc3\xa9\"]", R"(["\u00e9"])"},
        {"[1e16, 1e15, 0.0001, 0.00001, 1.5e-7, -2e300, 0.1, 123456.789]",
         "[1e+16, 1000000000000000.0, 0.0001, 1e-05, 1.5e-07, -2e+300, 0.1, 123456.789]"},
        {" {} ", "{}"},
    };
    for (const auto &[text, wanted] : good) {
        std::string dumped;
        CHECK(code_of([&] { dumped = parse_json(text).dumped(); }) == J2KL_OK && dumped == wanted, dumped);
    }
    const std::string deep = std::string(40, '[') + std::string(40, ']'),
                      control = std::string("[\"") + '\x01' + "\"]";
    const std::string many = "[" + [] {
        std::string text;
        for (int i = 0; i < 70000; ++i) {
            text += "1,";
        }
        return text;
    }() + "1]";
    for (const std::string &bad : std::vector<std::string>{"",
                                                           "{",
                                                           "[1,]",
                                                           "{\"a\":1,}",
                                                           "01",
                                                           "1.",
                                                           ".5",
                                                           "+1",
                                                           "NaN",
                                                           "Infinity",
                                                           "1e999",
                                                           "tru",
                                                           "[1] 2",
                                                           "\"\\x\"",
                                                           "\"\\ud800\"",
                                                           "\"\\udc00\"",
                                                           "'a'",
                                                           "{\"a\":1,\"a\":2}",
                                                           "{1:2}",
                                                           "\"open",
                                                           "[\"\xff\"]",
                                                           "[\"\xc0\x80\"]",
                                                           "[\"\xed\xa0\x80\"]",
                                                           "12345678901234567890",
                                                           deep,
                                                           control,
                                                           many,
                                                           "\xef\xbb\xbf[]"}) {
        CHECK(code_of([&] { parse_json(bad); }) == J2KL_ERROR_MODEL, bad.substr(0, 40));
    }
}

void tables()
{
    const auto &nodes = compression_nodes();
    CHECK(nodes.front() == 0 && nodes.back() == 8943 && std::is_sorted(nodes.begin(), nodes.end()),
          "compression");
    const auto &powers = octave_powers();
    CHECK(powers[0] == 1.0F && powers[128] == 1.41421354F && std::is_sorted(powers.begin(), powers.end()),
          "octaves");
}

void model_files()
{
    const Data good = model_file();
    CHECK(code_of([&] {
              const ModelFile file(good);
              const IntegerModel model(file);
              CHECK(file.name() == "small" && model.low_reach == 2 * (4 + 4) + 8 && !model.dequantiser, "fields");
          }) == J2KL_OK,
          "valid");
    CHECK(code_of([&] {
              const IntegerModel model(ModelFile(model_file("3", true)));
              const IntegerModel other(ModelFile(model_file("3", true, "non-separable-5-3")));
              CHECK(model.base == Base::reversible53 && other.base == Base::non_separable53, "base");
              CHECK(model.reversible() && model.low_reach == 2 * 4 + 8 && !model.high_to_low, "reversible");
          }) == J2KL_OK,
          "valid");
    for (const auto &[version, reversible] : {std::pair("3", false), {"4", false}, {"2", true}}) {
        const Data other = model_file(version, reversible);
        CHECK(code_of([&] { IntegerModel(ModelFile(other)); }) == J2KL_ERROR_MODEL, version);
    }
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{7}, std::size_t{8}, good.size() / 2, good.size() - 1}) {
        CHECK(code_of([&] {
                  ModelFile(Data(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
              }) == J2KL_ERROR_MODEL,
              "truncated to " + std::to_string(size));
    }
    // Mutated files are refused, or hold other weights. Nothing else may happen.
    check::Random random(11);
    int refused = 0;
    const std::size_t header = 8 + good[8 - 8] + 256U * good[1];
    for (int round = 0; round < 3000; ++round) {
        Data bad = good;
        for (int i = random.integer(1, 3); i > 0; --i) {
            const std::size_t end = round % 4 == 0 ? bad.size() : header;
            bad[static_cast<std::size_t>(random.integer(0, static_cast<std::int32_t>(end) - 1))] =
                static_cast<std::uint8_t>(random.next());
        }
        const int code = code_of([&] {
            const ModelFile file(bad);
            const IntegerModel model(file);
        });
        CHECK(code == J2KL_OK || code == J2KL_ERROR_MODEL, std::to_string(code));
        refused += code != J2KL_OK ? 1 : 0;
    }
    CHECK(refused > 1000, std::to_string(refused));
}

void segments()
{
    Id id{};
    id[0] = 7;
    for (const std::uint8_t version : std::initializer_list<std::uint8_t>{1, 2, 3, 4, 5, 6, 7}) {
        const Data good = segment(version, id, 3, 2);
        const auto parse = [](const Data &data) {
            return read_comments({j2kl::Bytes{data.data(), data.size()}});
        };
        const Comments read = parse(good);
        CHECK(read.segment && read.segment->model == id && read.segment->version == version &&
                  read.segment->noise.size() == (version == 2 ? 3 * layers : 0) &&
                  read.segment->normalisation.size() == (version >= 3 ? 3 : 0) &&
                  read.segment->base_chroma == (version == 4) && read.segment->shared == 3 &&
                  read.segment->steps.learned.size() == (version >= 5 ? 3 : 0) &&
                  read.segment->steps.weights.size() == (version >= 5 ? 1 : 0) &&
                  (version != 5 || read.segment->steps.weights[0][1].second[4] == 32) &&
                  read.segment->steps.red_first == (version == 7) && read.segment->rct() == (version >= 5) &&
                  (version < 6 || (read.segment->steps.weights[0][0].first[0] == -17 &&
                                    read.segment->steps.weights[0][1].second[3] == 96 &&
                                    read.segment->steps.weights[0][2].second[5] == -576)),
              "version " + std::to_string(version));
        Data later = good;
        later[4] = 8;
        later.resize(later.size() - 4);
        CHECK(code_of([&] { parse(with_checksum(later)); }) == J2KL_ERROR_UNSUPPORTED, "later version");
        check::Random random(version);
        for (int round = 0; round < 4000; ++round) {
            Data bad(good.begin(), good.end() - 4);
            for (int i = random.integer(1, 3); i > 0; --i) {
                bad[static_cast<std::size_t>(random.integer(4, static_cast<std::int32_t>(bad.size()) - 1))] =
                    static_cast<std::uint8_t>(random.next());
            }
            bad.resize(bad.size() -
                       static_cast<std::size_t>(random.integer(0, 9) == 0 ? random.integer(1, 40) : 0));
            const int wrong = code_of([&] { parse(bad); });
            CHECK(wrong == J2KL_ERROR_SEGMENT, "checksum");
            const int code = code_of([&] { parse(with_checksum(bad)); });
            CHECK(code == J2KL_OK || code == J2KL_ERROR_SEGMENT || code == J2KL_ERROR_UNSUPPORTED,
                  std::to_string(code));
        }
    }
    CHECK(!read_comments({}).segment, "no comment");
}

struct Opened {
    explicit Opened(const Data &data, const j2kl_reader *reader = nullptr)
        : report(std::make_unique<j2kl_report>())
    {
        code = reader != nullptr
                   ? j2kl_picture_open_reader(reader, nullptr, report.get(), &picture)
                   : j2kl_picture_open(data.data(), data.size(), nullptr, report.get(), &picture);
        if (code == J2KL_OK) {
            j2kl_picture_info_of(picture, &info);
        }
    }
    Opened(const Opened &) = delete;
    Opened &operator=(const Opened &) = delete;
    ~Opened() { j2kl_picture_free(picture); }

    // `tiles` is a codestream with the tiles that the request needs; null: the file.
    Planes<std::int32_t> decode(const j2kl_picture_request &request, const Data *tiles = nullptr)
    {
        j2kl_rect area{};
        last = j2kl_picture_area(picture, &request, &area);
        const std::size_t count = request.component_count > 0 ? request.component_count : info.components;
        Planes<std::int32_t> planes(count,
                                    std::vector<std::int32_t>(static_cast<std::size_t>(area.y1 - area.y0) *
                                                              static_cast<std::size_t>(area.x1 - area.x0)));
        std::vector<std::int32_t *> pointers;
        for (auto &plane : planes) {
            pointers.push_back(plane.data());
        }
        if (last == J2KL_OK) {
            last = tiles == nullptr
                       ? j2kl_picture_decode(picture, &request, pointers.data())
                       : j2kl_picture_decode_tiles(picture, tiles->data(), tiles->size(), &request, pointers.data());
        }
        return planes;
    }

    std::unique_ptr<j2kl_report> report;
    j2kl_picture *picture = nullptr;
    j2kl_picture_info info{};
    int code = J2KL_OK, last = J2KL_OK;
};

// A codestream up to its first SOT marker.
Data head_of(const Data &codestream)
{
    const std::uint8_t sot[] = {0xff, 0x90};
    return {codestream.begin(), std::search(codestream.begin(), codestream.end(), sot, sot + 2) + 2};
}

// A region equals the same part of the whole picture, for any number of threads, through a function that reads, and from
// tiles alone.
void pictures()
{
    for (const std::uint8_t version : std::initializer_list<std::uint8_t>{1, 3, 4, 5, 6, 7}) {
        const Data file = learned_file(version);
        Opened opened(file);
        const Data head = head_of(file);
        Opened only_head(head);
        CHECK(opened.code == J2KL_OK && opened.info.learned == 1 && opened.info.model == J2KL_MODEL_INTEGER &&
                  opened.info.segment_version == version,
              opened.report->error);
        for (std::uint32_t reduce = 0; reduce <= 2; ++reduce) {
            j2kl_picture_request request{};
            request.reduce = reduce;
            const auto whole = opened.decode(request);
            CHECK(opened.last == J2KL_OK, opened.report->error);
            j2kl_rect all{}, part{};
            j2kl_picture_area(opened.picture, &request, &all);
            request.x0 = 20;
            request.y0 = 10;
            request.x1 = 61;
            request.y1 = 50;
            request.threads = 3;
            const auto region = opened.decode(request);
            CHECK(opened.last == J2KL_OK, opened.report->error);
            j2kl_picture_area(opened.picture, &request, &part);
            bool same = true;
            for (std::size_t i = 0; i < 3; ++i) {
                std::size_t at = 0;
                for (std::int32_t y = part.y0; y < part.y1; ++y) {
                    for (std::int32_t x = part.x0; x < part.x1; ++x) {
                        same = same && region[i][at++] == whole[i][static_cast<std::size_t>(
                                                              (y - all.y0) * (all.x1 - all.x0) + x - all.x0)];
                    }
                }
            }
            CHECK(same, "reduce " + std::to_string(reduce));
            const auto from_tiles = only_head.decode(request, &file);
            const bool possible = version < 5 && reduce < 2;
            CHECK(only_head.last == (possible ? J2KL_OK : J2KL_ERROR_UNSUPPORTED) && (!possible || from_tiles == region),
                  only_head.report->error);
        }
        const j2kl_reader reader = {
            const_cast<Data *>(&file), file.size(),
            [](void *context, std::uint64_t offset, std::uint8_t *buffer, std::size_t count) {
                const Data &data = *static_cast<const Data *>(context);
                const std::size_t length =
                    std::min<std::size_t>({count, data.size() - static_cast<std::size_t>(offset), 777});
                std::memcpy(buffer, data.data() + offset, length);
                return static_cast<std::int64_t>(length);
            }};
        Opened read(file, &reader);
        CHECK(read.code == J2KL_OK && read.decode({}) == opened.decode({}), "reader");
    }
    // without its model
    const Data file = learned_file();
    Data without = file;
    const std::uint8_t embedded[] = {0xff, 0x64};
    const auto first =
        std::search(without.begin() + 2, without.end(), std::begin(embedded), std::end(embedded));
    const auto found =
        std::search(first, without.end(), std::begin("J2KL\1\1"), std::end("J2KL\1\1") - 1) - 6;
    without.erase(found, found + 2 + 256 * found[2] + found[3]);
    Opened missing(without);
    missing.decode({});
    CHECK(missing.code == J2KL_OK && missing.info.model == J2KL_MODEL_MISSING &&
              missing.last == J2KL_ERROR_MODEL_NOT_FOUND &&
              std::string(missing.report->error).find("needs the model with id") != std::string::npos,
          missing.report->error);
    // an ordinary file
    Opened ordinary(
        encode(default_parameters(0, 0, 8, 8), Planes<std::int32_t>(1, std::vector<std::int32_t>(64))).bytes);
    CHECK(ordinary.code == J2KL_OK && ordinary.info.learned == 0, "ordinary");
    ordinary.decode({});
    CHECK(ordinary.last == J2KL_ERROR_UNSUPPORTED, "ordinary");
    j2kl_picture_request request{};
    request.reduce = 3;
    Opened opened(file);
    opened.decode(request);
    CHECK(opened.last == J2KL_ERROR_ARGUMENT, "reduce");
    request = {};
    request.max_pixels = 100;
    opened.decode(request);
    CHECK(opened.last == J2KL_ERROR_LIMIT, "limit");
    const std::uint32_t list[] = {1, 1};
    request = {};
    request.component_count = 2;
    request.component_list = list;
    opened.decode(request);
    CHECK(opened.last == J2KL_ERROR_ARGUMENT, "components");
}

// Mutated files are decoded or refused.
void mutated_files()
{
    const Data files[] = {learned_file(2), learned_file(5), learned_file(7)};
    check::Random random(21);
    int refused = 0;
    for (int round = 0; round < 400; ++round) {
        const Data &good = files[round / 2 % 2];
        Data bad = good;
        const std::size_t end = round % 2 == 0 ? bad.size() : 150;
        for (int i = random.integer(1, 4); i > 0; --i) {
            bad[static_cast<std::size_t>(random.integer(0, static_cast<std::int32_t>(end) - 1))] =
                static_cast<std::uint8_t>(random.next());
        }
        if (round % 5 == 0) {
            bad.resize(static_cast<std::size_t>(random.integer(1, static_cast<std::int32_t>(bad.size()))));
        }
        Opened opened(bad);
        const std::uint64_t pixels =
            std::uint64_t{opened.info.x1 - opened.info.x0} * (opened.info.y1 - opened.info.y0);
        if (opened.code != J2KL_OK || pixels > 100000) {
            ++refused;
            continue;
        }
        j2kl_picture_request request{};
        request.max_pixels = 100000;
        request.reduce = static_cast<std::uint32_t>(random.integer(0, 2));
        if (round % 3 == 0) {
            request.x0 = 10;
            request.y0 = 10;
            request.x1 = 40;
            request.y1 = 40;
        }
        opened.decode(request);
        refused += opened.last != J2KL_OK ? 1 : 0;
    }
    CHECK(refused > 20, std::to_string(refused));
}

// Tiles that are damaged, or of another file, are decoded or refused.
void mutated_tiles()
{
    const Data good = learned_file(2), head = head_of(good);
    Data other = encode(default_parameters(0, 0, 90, 77), Planes<std::int32_t>(1, std::vector<std::int32_t>(6930))).bytes;
    check::Random random(22);
    Opened opened(head);
    int refused = 0;
    for (int round = 0; round < 200; ++round) {
        Data bad = round % 10 == 0 ? other : good;
        for (int i = random.integer(0, 4); i > 0; --i) {
            bad[static_cast<std::size_t>(random.integer(0, static_cast<std::int32_t>(bad.size()) - 1))] =
                static_cast<std::uint8_t>(random.next());
        }
        j2kl_picture_request request{};
        request.x1 = 40;
        request.y1 = 30;
        opened.decode(request, &bad);
        refused += opened.last != J2KL_OK ? 1 : 0;
    }
    CHECK(refused > 20 && refused < 200, std::to_string(refused));
}

// Pixels are rounded, clipped and put side by side alike by all instruction sets.
void pixels()
{
    constexpr std::size_t count = 2500;
    check::Random random(3);
    std::vector<std::vector<float>> planes(4, std::vector<float>(count));
    std::vector<const float *> pointers;
    for (auto &plane : planes) {
        std::generate(plane.begin(), plane.end(), [&] { return random.real(200); });
        pointers.push_back(plane.data());
    }
    planes[0][0] = planes[3][0] = std::numeric_limits<float>::quiet_NaN();
    planes[0][1] = planes[3][1] = std::numeric_limits<float>::infinity();
    std::vector<std::uint8_t> first(4 * count), bytes(4 * count);
    for (std::uint32_t set = 1; set <= 4; ++set) {
        if (j2kl_instructions_available(set) == 0) {
            continue;
        }
        CHECK(j2kl_pixels(pointers.data(), 4, count, 1, 8, 0, bytes.data(), set, 2) == J2KL_OK, "pixels");
        first = set == 1 ? bytes : first;
        CHECK(bytes == first, std::to_string(set));
    }
    bool right = bytes[0] == 0 && bytes[3] == 0 && bytes[4] == 255 && bytes[7] == 255;
    for (std::size_t i = 2; i < count; ++i) {
        const float luma = planes[0][i] + static_cast<float>(1.402) * planes[2][i];
        right = right && bytes[4 * i] == std::min(std::max(std::rint(luma + 128), 0.0F), 255.0F) &&
                bytes[4 * i + 3] == std::min(std::max(std::rint(planes[3][i] + 128), 0.0F), 255.0F);
    }
    CHECK(right, "values");
    std::vector<std::int16_t> wide(count);
    CHECK(j2kl_pixels(pointers.data() + 1, 1, count, 0, 12, 1, wide.data(), 0, 1) == J2KL_OK, "12 bits");
    right = true;
    for (std::size_t i = 0; i < count; ++i) {
        right = right && wide[i] == std::min(std::max(std::rint(planes[1][i] * 16), -2048.0F), 2047.0F);
    }
    CHECK(right, "12 bits");
    CHECK(j2kl_pixels(pointers.data(), 2, count, 1, 8, 0, bytes.data(), 0, 1) == J2KL_ERROR_ARGUMENT &&
              j2kl_pixels(pointers.data(), 2, count, 0, 17, 0, bytes.data(), 0, 1) == J2KL_ERROR_ARGUMENT,
          "arguments");
}

} // namespace

void decoder_tests()
{
    digests();
    json();
    tables();
    model_files();
    segments();
    pictures();
    mutated_files();
    mutated_tiles();
    pixels();
}
