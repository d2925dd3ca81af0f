// Lookup of models by their id, in folders of model files and among models that a caller adds.
#pragma once

#include "decoder/integer_model.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace j2kl::picture {

// What is known of the model that a file names.
struct FoundModel {
    std::string name;
    std::shared_ptr<const IntegerModel> transform; // null if there is none in integers
    bool dequantises = false;                      // the model has a network for de-quantisation
    std::shared_ptr<const IntegerModel>
        network;          // whose dequantiser stands for that network; null if there is none
    bool is_twin = false; // the transform stands for that of a float model
};

// Several threads may use one at the same time.
class Models {
public:
    // Adds the model files of a folder, those with the suffix .safetensors, in the order of their names. They
    // are read when a model is first looked up. Files that are no valid models are ignored. An empty name
    // stands for the folders beside the library.
    void add_folder(const std::string &folder);
    // Adds a model that is searched before those of folders. Throws Failure if it is invalid.
    void add(std::vector<std::uint8_t> data);

    // Finds a model by its id, first in `embedded`, which may be null.
    std::optional<FoundModel> find(const Id &id, const ModelFile *embedded) const;

private:
    struct Entry {
        explicit Entry(std::vector<std::uint8_t> data) : file(std::move(data)) {}

        ModelFile file;
        std::optional<Id> id;                        // computed when it is first needed
        std::shared_ptr<const IntegerModel> integer; // the same
    };

    void read_folders() const;
    void read_folder(const std::string &folder) const;
    std::shared_ptr<const IntegerModel> integer_of(Entry &entry) const;
    Entry *twin_of(const ModelFile &file, const Id &id) const;

    mutable std::mutex mutex_;
    mutable std::vector<std::string> unread_;
    mutable std::vector<std::unique_ptr<Entry>> added_, read_;
};

} // namespace j2kl::picture
