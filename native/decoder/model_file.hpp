// A model file: safetensors with a configuration in JSON. Nothing in it is trusted before it is checked.
#pragma once

#include "decoder/digest.hpp"
#include "decoder/json.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace j2kl::picture {

// Bytes of the model file of a transform.
constexpr std::size_t most_model_bytes = std::size_t{1} << 22;

struct Tensor {
    enum class Type { f32, f16, i32, i16 };

    std::string name;
    Type type = Type::f32;
    std::vector<std::size_t> shape;
    std::size_t offset = 0, size = 0; // of the bytes in the file
};

class ModelFile {
public:
    // Throws Failure (J2KL_ERROR_MODEL) if this is not a model file.
    explicit ModelFile(std::vector<std::uint8_t> data);

    const Json &config() const { return config_; }
    const std::string &name() const { return name_; }               // of the card; "unnamed" if it has none
    const std::vector<Tensor> &tensors() const { return tensors_; } // by name, sorted
    const Tensor *tensor(std::string_view name) const;
    Bytes bytes_of(const Tensor &tensor) const { return {data_.data() + tensor.offset, tensor.size}; }

    // Whether the model is an entropy model of the neural profile, or has integer operators.
    bool is_entropy_model() const;
    bool is_integer() const { return config_.member("version") != nullptr; }
    bool dequantises() const { return config_.member("dequantiser") != nullptr; }

    // The id, and that of the transform alone, without the network for de-quantisation (docs/format.md).
    Id id() const { return digest(true); }
    Id transform_id() const { return digest(false); }

private:
    void parse_header(std::string_view header, std::size_t start);
    Id digest(bool with_dequantiser) const;

    std::vector<std::uint8_t> data_;
    Json config_;
    std::string name_ = "unnamed";
    std::vector<Tensor> tensors_;
};

// The id that 64 lower-case hexadecimal digits name; nothing for any other value.
std::optional<Id> id_of(const Json *value);

} // namespace j2kl::picture
