// Reads files through OpenJPEG's public functions in the ways in which programs call them, and prints what each way
// gives: return codes, messages, the fields of the image, and a checksum of the samples.
//
//     openjp2_calls [--damaged] [--samples FOLDER] FILE...
//
// It knows nothing of learned files. Run with the real library and with the one in its place, it has to print the same
// for ordinary files. With --samples the samples of each way are also stored in FOLDER, as int32_t, or
// as bytes where a way gives bytes. With --damaged all ways run in one process, for sanitizers; a file is then read
// in some of the ways, which its bytes select.
#include <openjpeg.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

// More than the test files have: damaged ones may declare any size.
constexpr std::uint64_t most_samples = std::uint64_t{1} << 22;

std::string samples_folder;

std::uint32_t checksum(const void *data, std::size_t size, std::uint32_t value = 2166136261U)
{
    const auto *bytes = static_cast<const std::uint8_t *>(data);
    for (std::size_t i = 0; i < size; ++i) {
        value = (value ^ bytes[i]) * 16777619U; // FNV-1a
    }
    return value;
}

// How the functions of a program's stream behave.
enum class Source { file, seek, skip, read, whole };

struct Memory {
    const std::vector<std::uint8_t> &data;
    Source source;
    std::size_t at = 0;
};

OPJ_SIZE_T on_read(void *buffer, OPJ_SIZE_T count, void *context)
{
    Memory &memory = *static_cast<Memory *>(context);
    const std::size_t left = memory.data.size() - std::min(memory.at, memory.data.size());
    if (memory.source == Source::whole && count != memory.data.size()) {
        return static_cast<OPJ_SIZE_T>(-1); // as OpenSlide's: all at once, or nothing
    }
    const std::size_t length = std::min({left, count, std::size_t{memory.source == Source::whole ? left : 3000}});
    if (length == 0) {
        return static_cast<OPJ_SIZE_T>(-1);
    }
    std::memcpy(buffer, memory.data.data() + memory.at, length);
    memory.at += length;
    return length;
}

OPJ_OFF_T on_skip(OPJ_OFF_T count, void *context)
{
    Memory &memory = *static_cast<Memory *>(context);
    const std::size_t left = memory.data.size() - std::min(memory.at, memory.data.size());
    if (count < 0 || left == 0) {
        return -1;
    }
    const std::size_t moved = std::min(left, static_cast<std::size_t>(count));
    memory.at += moved;
    return static_cast<OPJ_OFF_T>(moved);
}

OPJ_BOOL on_seek(OPJ_OFF_T position, void *context)
{
    Memory &memory = *static_cast<Memory *>(context);
    if (position < 0 || static_cast<std::uint64_t>(position) > memory.data.size()) {
        return OPJ_FALSE;
    }
    memory.at = static_cast<std::size_t>(position);
    return OPJ_TRUE;
}

void on_message(const char *text, void *context)
{
    static_cast<std::string *>(context)->append("    ").append(text);
}

struct Options {
    Source source = Source::file;
    std::uint32_t reduce = 0, layers = 0, flags = 0;
    int threads = 0;
    bool strict = true;
};

// A decompressor with its stream; everything is freed at the end.
class Reading {
public:
    Reading(const std::string &path, const std::vector<std::uint8_t> &data, const Options &options)
        : memory_{data, options.source}
    {
        const bool jp2 = data.size() > 8 && std::memcmp(data.data() + 4, "jP  ", 4) == 0;
        codec = opj_create_decompress(jp2 ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
        opj_set_warning_handler(codec, on_message, &messages);
        opj_set_error_handler(codec, on_message, &messages);
        opj_dparameters_t parameters;
        opj_set_default_decoder_parameters(&parameters);
        parameters.cp_reduce = options.reduce;
        parameters.cp_layer = options.layers;
        parameters.flags |= options.flags;
        add(opj_setup_decoder(codec, &parameters));
        if (!options.strict) {
            add(opj_decoder_set_strict_mode(codec, OPJ_FALSE));
        }
        if (options.threads > 0) {
            add(opj_codec_set_threads(codec, options.threads));
        }
        if (options.source == Source::file) {
            stream = opj_stream_create_default_file_stream(path.c_str(), OPJ_TRUE);
        } else {
            stream = opj_stream_create(options.source == Source::whole ? std::max<std::size_t>(data.size(), 1) : 4096,
                                       OPJ_TRUE);
            opj_stream_set_read_function(stream, on_read);
            if (options.source == Source::seek || options.source == Source::skip) {
                opj_stream_set_skip_function(stream, on_skip);
            }
            if (options.source == Source::seek) {
                opj_stream_set_seek_function(stream, on_seek);
            }
            opj_stream_set_user_data(stream, &memory_, nullptr);
            opj_stream_set_user_data_length(stream, data.size());
        }
        ready_ = add(opj_read_header(stream, codec, &image));
        std::uint64_t samples = 0;
        for (std::uint32_t i = 0; ready_ && i < image->numcomps; ++i) {
            samples += std::uint64_t{image->comps[i].w} * image->comps[i].h;
        }
        ready_ = ready_ && samples <= most_samples;
    }
    Reading(const Reading &) = delete;
    Reading &operator=(const Reading &) = delete;
    ~Reading()
    {
        opj_stream_destroy(stream);
        opj_destroy_codec(codec);
        opj_image_destroy(image);
    }

    bool ready() const { return ready_; }
    bool add(OPJ_BOOL done)
    {
        codes += done != OPJ_FALSE ? '1' : '0';
        return done != OPJ_FALSE;
    }
    bool decode() { return ready_ && add(opj_decode(codec, stream, image)); }
    void end()
    {
        if (ready_) {
            add(opj_end_decompress(codec, stream));
        }
    }

    opj_codec_t *codec = nullptr;
    opj_stream_t *stream = nullptr;
    opj_image_t *image = nullptr;
    std::string codes, messages;

private:
    Memory memory_;
    bool ready_ = false;
};

void store(const std::string &name, const void *data, std::size_t size)
{
    if (samples_folder.empty()) {
        return;
    }
    if (std::FILE *file = std::fopen((samples_folder + "/" + name + ".raw").c_str(), "wb"); file != nullptr) {
        std::fwrite(data, 1, size, file);
        std::fclose(file);
    }
}

// What a caller sees of an image, as text. The samples are undefined after a call that has failed.
std::string described(const std::string &name, const opj_image_t *image, const std::string &codes)
{
    if (image == nullptr) {
        return " no image";
    }
    char text[256];
    std::snprintf(text, sizeof text, " [%u,%u,%u,%u] colour %d icc %u:%08x", image->x0, image->y0, image->x1, image->y1,
                  static_cast<int>(image->color_space), image->icc_profile_len,
                  checksum(image->icc_profile_buf, image->icc_profile_buf != nullptr ? image->icc_profile_len : 0));
    std::string out = text;
    const bool defined = codes.empty() || codes.back() == '1';
    std::vector<OPJ_INT32> all;
    for (std::uint32_t i = 0; i < image->numcomps; ++i) {
        const opj_image_comp_t &component = image->comps[i];
        const std::size_t count =
            defined && component.data != nullptr ? std::size_t{component.w} * component.h : std::size_t{0};
        std::snprintf(text, sizeof text, " (%ux%u at %u,%u step %u,%u prec %u sgnd %u resno %u factor %u alpha %u %08x)",
                      component.w, component.h, component.x0, component.y0, component.dx, component.dy, component.prec,
                      component.sgnd, component.resno_decoded, component.factor, component.alpha,
                      checksum(component.data, count * sizeof *component.data));
        out += text;
        all.insert(all.end(), component.data, component.data + count);
    }
    store(name, all.data(), all.size() * sizeof all[0]);
    return out;
}

class Report {
public:
    explicit Report(std::string file) : file_(std::move(file)) {}
    void line(const std::string &name, const std::string &codes, const std::string &text) const
    {
        std::printf("%s: %s: %s%s\n", file_.c_str(), name.c_str(), codes.c_str(), text.c_str());
    }
    void image(const std::string &name, Reading &reading) const
    {
        line(name, reading.codes, described(name, reading.image, reading.codes));
        reading.codes.clear();
        std::fputs(reading.messages.c_str(), stdout);
        reading.messages.clear();
    }

private:
    std::string file_;
};

struct File {
    std::string path;
    std::vector<std::uint8_t> data;
    Report report;
};

// One decoding of the whole picture.
void whole(const File &file, const std::string &name, const Options &options)
{
    Reading reading(file.path, file.data, options);
    reading.decode();
    reading.end();
    file.report.image(name, reading);
}

void reduced_after_the_header(const File &file)
{
    Reading reading(file.path, file.data, {});
    if (reading.ready()) {
        reading.add(opj_set_decoded_resolution_factor(reading.codec, 1));
    }
    reading.decode();
    file.report.image("factor", reading);
}

// Areas one after the other with one decompressor, at full and at half resolution.
void areas(const File &file, const std::string &name, const Options &options)
{
    Reading reading(file.path, file.data, options);
    if (!reading.ready()) {
        file.report.image(name, reading);
        return;
    }
    const auto x0 = static_cast<OPJ_INT32>(reading.image->x0), y0 = static_cast<OPJ_INT32>(reading.image->y0);
    const auto width = static_cast<OPJ_INT32>(reading.image->x1) - x0,
               height = static_cast<OPJ_INT32>(reading.image->y1) - y0;
    const OPJ_INT32 rows[][4] = {{width / 4, height / 3, width / 2, height - 1},
                                 {1, 2, 1 + width / 3, 2 + height / 3},
                                 {0, 0, width, height},
                                 {width - 7, height - 5, width + 40, height + 40},
                                 {width + 5, height + 5, width + 40, height + 40}};
    int at = 0;
    for (const auto &row : rows) {
        const bool inside = reading.add(opj_set_decode_area(reading.codec, reading.image, x0 + row[0], y0 + row[1],
                                                            x0 + row[2], y0 + row[3]));
        const bool failed = inside && !reading.decode();
        file.report.image(name + " " + std::to_string(at++), reading);
        if (failed) { // OpenJPEG must not be called again
            return;
        }
    }
    reading.add(opj_set_decode_area(reading.codec, reading.image, 0, 0, 0, 0)); // all
    reading.decode();
    file.report.image(name + " all", reading);
    reading.end();
}

void components(const File &file, const std::string &name, std::vector<std::uint32_t> list, bool transforms = false)
{
    Reading reading(file.path, file.data, {});
    if (reading.ready()) {
        reading.add(opj_set_decoded_components(reading.codec, static_cast<std::uint32_t>(list.size()), list.data(),
                                               transforms ? OPJ_TRUE : OPJ_FALSE));
    }
    reading.decode();
    file.report.image(name, reading);
}

// Tiles in any order with one decompressor, and one that does not exist.
void tiles(const File &file, const std::string &name, const Options &options, bool factor)
{
    Reading reading(file.path, file.data, options);
    if (!reading.ready()) {
        return;
    }
    if (factor) {
        reading.add(opj_set_decoded_resolution_factor(reading.codec, 1));
    }
    for (const std::uint32_t tile : {1U, 0U, 4U, 1U, 100000U}) {
        const bool decoded =
            reading.add(opj_get_decoded_tile(reading.codec, reading.stream, reading.image, tile));
        file.report.image(name + " " + std::to_string(tile), reading);
        if (!decoded) {
            return;
        }
    }
}

// All tiles as bytes, in the order of the file.
void tiles_as_bytes(const File &file, const std::string &name, const Options &options, bool area)
{
    Reading reading(file.path, file.data, options);
    if (!reading.ready()) {
        return;
    }
    if (area) {
        const opj_image_t &image = *reading.image;
        const auto x0 = static_cast<OPJ_INT32>(image.x0), y0 = static_cast<OPJ_INT32>(image.y0);
        reading.add(opj_set_decode_area(reading.codec, reading.image, x0 + 5, y0 + 9,
                                        static_cast<OPJ_INT32>(image.x1) - 5, static_cast<OPJ_INT32>(image.y1) - 3));
    }
    for (int count = 0; count < 64; ++count) {
        OPJ_UINT32 tile = 0, size = 0, planes = 0;
        OPJ_INT32 x0 = 0, y0 = 0, x1 = 0, y1 = 0;
        OPJ_BOOL more = OPJ_FALSE;
        const bool read = reading.add(
            opj_read_tile_header(reading.codec, reading.stream, &tile, &size, &x0, &y0, &x1, &y1, &planes, &more));
        if (!read || more == OPJ_FALSE || size > most_samples * 4) {
            break;
        }
        std::vector<std::uint8_t> data(size);
        const bool decoded =
            reading.add(opj_decode_tile_data(reading.codec, tile, data.data(), size, reading.stream));
        char text[160];
        std::snprintf(text, sizeof text, " tile %u [%d,%d,%d,%d] %u components %u bytes %08x", tile, x0, y0, x1, y1,
                      planes, size, checksum(data.data(), data.size()));
        file.report.line(name, reading.codes, text);
        reading.codes.clear();
        store(name + " " + std::to_string(tile), data.data(), data.size());
        if (!decoded) {
            break;
        }
    }
    reading.end();
    file.report.image(name, reading);
}

// Calls in a wrong order, or without a decompressor.
void wrongly(const File &file)
{
    Reading reading(file.path, file.data, {});
    opj_image_t *none = nullptr;
    opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_JP2);
    std::string messages;
    opj_set_error_handler(codec, on_message, &messages);
    opj_set_warning_handler(codec, on_message, &messages);
    opj_stream_t *stream = opj_stream_create_default_file_stream(file.path.c_str(), OPJ_TRUE);
    reading.codes.clear();
    if (reading.ready()) {
        reading.add(opj_decode(nullptr, reading.stream, reading.image));
        reading.add(opj_get_decoded_tile(nullptr, reading.stream, reading.image, 0));
        reading.add(opj_set_decoded_resolution_factor(reading.codec, 99));
        reading.add(opj_set_decode_area(reading.codec, reading.image, 5, 5, 2, 2));
        reading.add(opj_read_header(nullptr, reading.codec, &none));
        const std::uint32_t twice[] = {0, 0}, far = 70000;
        reading.add(opj_set_decoded_components(reading.codec, 2, twice, OPJ_FALSE));
        reading.add(opj_set_decoded_components(reading.codec, 1, &far, OPJ_FALSE));
    }
    reading.add(opj_end_decompress(codec, stream));
    reading.add(opj_read_header(stream, nullptr, &none));
    reading.add(opj_stream_create_default_file_stream("/no/such/file", OPJ_TRUE) == nullptr);
    opj_stream_destroy(nullptr);
    opj_destroy_codec(nullptr);
    file.report.line("wrongly", reading.codes, "");
    std::fputs((messages + reading.messages).c_str(), stdout);
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
}

// Several decompressors at the same time, then one that outlives its stream's functions.
void at_once(const File &file)
{
    std::vector<std::string> texts(8);
    std::vector<std::thread> readers;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        readers.emplace_back([&, i] {
            Options options;
            options.source = i % 2 == 0 ? Source::seek : Source::file;
            Reading reading(file.path, file.data, options);
            reading.decode();
            reading.end();
            texts[i] = reading.codes + described("at once " + std::to_string(i), reading.image, reading.codes) +
                       reading.messages;
        });
    }
    for (std::thread &reader : readers) {
        reader.join();
    }
    bool same = true;
    for (const std::string &text : texts) {
        same = same && text == texts[0];
    }
    file.report.line("at once", same ? "the same: " : "different: ", texts[0]);
}

void every_way(const std::string &path, bool damaged)
{
    File file{path, {}, Report(path.substr(path.rfind('/') + 1))};
    std::FILE *opened = std::fopen(path.c_str(), "rb");
    if (opened == nullptr) {
        std::perror(path.c_str());
        std::exit(1);
    }
    std::uint8_t buffer[4096];
    for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, opened)) > 0;) {
        file.data.insert(file.data.end(), buffer, buffer + got);
    }
    std::fclose(opened);

    const auto with = [](auto change) {
        Options options;
        change(options);
        return options;
    };
    const std::uint32_t seed = checksum(file.data.data(), file.data.size());
    // OpenJPEG itself crashes in some ways of calling it. Each runs in a process of its own, except that a sanitizer
    // has to see them all in one.
    const auto run = [&](const char *name, const auto &body) {
        if (damaged) {
            const std::string chosen = name;
            if (chosen == "file" || checksum(chosen.data(), chosen.size(), seed) % 4 == 0) {
                body();
            }
            return;
        }
        std::fflush(stdout);
        const pid_t child = fork();
        if (child == 0) {
            body();
            std::fflush(stdout);
            _exit(0);
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
            std::printf("%s: %s: it crashes\n", path.c_str(), name);
        }
    };
    const auto decode = [&](const char *name, const Options &options) {
        run(name, [&] { whole(file, name, options); });
    };
    decode("file", {});
    decode("seek", with([](Options &o) { o.source = Source::seek; }));
    decode("skip", with([](Options &o) { o.source = Source::skip; }));
    decode("read", with([](Options &o) { o.source = Source::read; }));
    decode("whole", with([](Options &o) { o.source = Source::whole; }));
    decode("threads", with([](Options &o) { o.threads = 2; }));
    run("at once", [&] { at_once(file); });
    decode("reduced", with([](Options &o) { o.reduce = 1, o.source = Source::skip, o.strict = false; }));
    decode("layer", with([](Options &o) { o.layers = 1; }));
    decode("raw", with([](Options &o) { o.flags = OPJ_DPARAMETERS_IGNORE_PCLR_CMAP_CDEF_FLAG; }));
    run("factor", [&] { reduced_after_the_header(file); });
    run("area", [&] { areas(file, "area", {}); });
    run("reduced area",
        [&] { areas(file, "reduced area", with([](Options &o) { o.reduce = 1, o.source = Source::seek; })); });
    run("component", [&] { components(file, "component", {1}); });
    run("components", [&] { components(file, "components", {0, 2}); });
    run("transformed", [&] { components(file, "transformed", {1}, true); });
    run("tile", [&] { tiles(file, "tile", {}, false); });
    run("reduced tile",
        [&] { tiles(file, "reduced tile", with([](Options &o) { o.source = Source::seek; }), true); });
    run("bytes", [&] { tiles_as_bytes(file, "bytes", {}, false); });
    run("reduced bytes", [&] {
        tiles_as_bytes(file, "reduced bytes", with([](Options &o) { o.reduce = 1, o.source = Source::seek; }), false);
    });
    run("bytes of an area", [&] { tiles_as_bytes(file, "bytes of an area", {}, true); });
    run("wrongly", [&] { wrongly(file); });
}

} // namespace

int main(int count, char **words)
{
    std::setvbuf(stdout, nullptr, _IOLBF, 1 << 16);
    int at = 1;
    bool damaged = false;
    for (; at < count && std::strncmp(words[at], "--", 2) == 0; ++at) {
        if (std::strcmp(words[at], "--damaged") == 0) {
            damaged = true; // fewer ways
        } else if (std::strcmp(words[at], "--samples") == 0 && at + 1 < count) {
            samples_folder = words[++at];
        } else {
            std::fprintf(stderr, "unknown option %s\n", words[at]);
            return 2;
        }
    }
    for (; at < count; ++at) {
        every_way(words[at], damaged);
        std::fflush(stdout);
    }
    return 0;
}
