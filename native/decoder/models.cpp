#include "decoder/models.hpp"

#include "base/failure.hpp"
#include "decoder/beside.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <tuple>

namespace j2kl::picture {

namespace {

// More model files than any folder of ours has; the rest is ignored.
constexpr std::size_t most_files = 256;

std::vector<std::uint8_t> read_file(const std::filesystem::path &path)
{
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(path, error);
    if (error || size > most_model_bytes) {
        return {};
    }
    std::vector<std::uint8_t> data(static_cast<std::size_t>(size));
    std::ifstream stream(path, std::ios::binary);
    stream.read(static_cast<char *>(static_cast<void *>(data.data())),
                static_cast<std::streamsize>(data.size()));
    data.resize(static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0)));
    return data;
}

} // namespace

void Models::add_folder(const std::string &folder)
{
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!folder.empty()) {
        unread_.push_back(folder);
    } else if (const std::string own = library_folder(); !own.empty()) {
        // as installed by itself, and as part of the Python package
        for (const char *place : {"", "/models", "/../models"}) {
            unread_.push_back(own + place);
        }
    }
}

void Models::add(std::vector<std::uint8_t> data)
{
    auto entry = std::make_unique<Entry>(std::move(data));
    if (entry->file.is_integer()) {
        entry->integer = std::make_shared<const IntegerModel>(entry->file);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    added_.push_back(std::move(entry));
}

void Models::read_folder(const std::string &folder) const
{
    std::error_code error;
    std::vector<std::filesystem::path> paths;
    for (std::filesystem::directory_iterator file(folder, error), end; !error && file != end;
         file.increment(error)) {
        if (file->path().extension() == ".safetensors" && paths.size() < most_files) {
            paths.push_back(file->path());
        }
    }
    std::sort(paths.begin(), paths.end());
    for (const std::filesystem::path &path : paths) {
        try {
            auto entry = std::make_unique<Entry>(read_file(path));
            if (!entry->file.is_entropy_model()) {
                read_.push_back(std::move(entry));
            }
        } catch (const Failure &) { // another file of this kind, or a damaged one
        }
    }
}

void Models::read_folders() const
{
    for (const std::string &folder : unread_) {
        read_folder(folder);
    }
    unread_.clear();
}

std::shared_ptr<const IntegerModel> Models::integer_of(Entry &entry) const
{
    if (!entry.integer) {
        entry.integer = std::make_shared<const IntegerModel>(entry.file);
    }
    return entry.integer;
}

// The integer model that stands for a float model: one with the network of the same model, else one without a
// network.
Models::Entry *Models::twin_of(const ModelFile &file, const Id &id) const
{
    const Id transform = file.dequantises() ? file.transform_id() : id;
    using Rank = std::tuple<bool, bool>;
    for (const auto *entries : {&added_, &read_}) {
        Entry *best = nullptr;
        Rank best_rank;
        for (const auto &entry : *entries) {
            const ModelFile &other = entry->file;
            if (!other.is_integer() || id_of(other.config().member("twin_of")) != transform) {
                continue;
            }
            const Json *network = other.config().member("dequantiser");
            const bool same = network != nullptr && id_of(network->member("twin_of")) == id;
            const Rank rank = {!same, network != nullptr};
            if (best == nullptr || rank < best_rank) {
                best = entry.get();
                best_rank = rank;
            }
        }
        if (best != nullptr) {
            return best;
        }
    }
    return nullptr;
}

std::optional<FoundModel> Models::find(const Id &id, const ModelFile *embedded) const
{
    const std::lock_guard<std::mutex> lock(mutex_);
    read_folders();
    Entry *entry = nullptr;
    const ModelFile *file = nullptr;
    const auto search = [&](const std::vector<std::unique_ptr<Entry>> &entries) {
        for (auto each = entries.begin(); file == nullptr && each != entries.end(); ++each) {
            if (!(*each)->id) {
                (*each)->id = (*each)->file.id();
            }
            if (*(*each)->id == id) {
                entry = each->get();
                file = &entry->file;
            }
        }
    };
    search(added_);
    if (file == nullptr && embedded != nullptr && embedded->id() == id) {
        file = embedded;
    }
    search(read_);
    if (file == nullptr) {
        return std::nullopt;
    }
    FoundModel found;
    found.name = file->name();
    found.dequantises = file->dequantises();
    if (file->is_integer()) {
        found.transform = entry != nullptr ? integer_of(*entry) : std::make_shared<const IntegerModel>(*file);
        found.network = found.dequantises ? found.transform : nullptr;
    } else if (Entry *twin = twin_of(*file, id); twin != nullptr) {
        found.is_twin = true;
        found.transform = integer_of(*twin);
        const Json *network = twin->file.config().member("dequantiser");
        if (found.dequantises && network != nullptr && id_of(network->member("twin_of")) == id) {
            found.network = found.transform;
        }
    }
    return found;
}

} // namespace j2kl::picture
