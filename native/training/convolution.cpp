#include "training/convolution.hpp"

#include "base/aligned.hpp"
#include "base/failure.hpp"
#include "base/parallel.hpp"
#include "base/prefetch.hpp"
#include "training/convolution_kernels.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <vector>

namespace j2kl::training {

namespace {

// Divides `count` into the fewest parts of at most `most` elements, of nearly equal sizes.
std::vector<std::size_t> parts(std::size_t count, std::size_t most)
{
    const std::size_t number = (count + most - 1) / most;
    if (number == 0) {
        return {};
    }
    std::vector<std::size_t> sizes(number, count / number);
    std::fill_n(sizes.begin(), count % number, count / number + 1);
    return sizes;
}

// Kernels in the order in which `RowOfOutputs` reads them, block of outputs by block.
struct Packed {
    std::vector<std::size_t> blocks;
    Aligned<float> weights;

    // `weight(output, input, row, column)` is one of them.
    template <class Weight>
    Packed(std::size_t outputs, std::size_t inputs, std::size_t rows, std::size_t columns, const Weight &weight)
        : blocks(parts(outputs, block_outputs)), weights(outputs * inputs * rows * columns)
    {
        float *place = weights.data();
        std::size_t first = 0;
        for (const std::size_t block : blocks) {
            for (std::size_t i = 0; i < inputs; ++i) {
                for (std::size_t row = 0; row < rows; ++row) {
                    for (std::size_t column = 0; column < columns; ++column) {
                        for (std::size_t o = first; o < first + block; ++o) {
                            *place++ = weight(o, i, row, column);
                        }
                    }
                }
            }
            first += block;
        }
    }
};

// Planes with their strides.
struct Planes {
    const float *samples;
    std::size_t plane, row;
};

// A part of the first-level cache, in elements, for the rows that are read again and again.
constexpr std::size_t cached_elements = 6144;

// Columns of a strip: the samples under its kernels stay in the first-level cache from row to row. They are a multiple of
// the columns of most blocks of outputs.
std::size_t strip_columns(const Shape &shape)
{
    constexpr std::size_t step = 48;
    const std::size_t columns = cached_elements / (shape.inputs * shape.rows);
    return std::max(columns / step * step, step);
}

// Rows of a single output that are computed together, as if they were outputs of their own: so that samples are loaded
// once for several sums.
constexpr std::size_t together = 4;

// Kernels with fewer rows would be multiplied by too many zeros.
constexpr std::size_t fewest_rows = 5;

// A convolution with its kernels packed.
class Layer {
public:
    // `weight(output, input, row, column)` is one of the weights.
    template <class Weight>
    Layer(const Kernels &kernels, const Shape &shape, const Weight &weight)
        : kernels_(kernels), shape_(shape),
          packed_(shape.outputs, shape.inputs, shape.rows, shape.columns, weight), tall_(0, 0, 0, 0, weight)
    {
        if (shape.outputs == 1 && shape.rows >= fewest_rows) {
            const auto shifted = [&](std::size_t o, std::size_t i, std::size_t row, std::size_t column) {
                return row < o || row - o >= shape.rows ? 0.0F : weight(0, i, row - o, column);
            };
            tall_ = Packed(together, shape.inputs, shape.rows + together - 1, shape.columns, shifted);
        }
    }

    void apply(const Planes &planes, const float *bias, bool rectified, float *result) const
    {
        const std::size_t height = shape_.result_height(), width = shape_.result_width();
        const std::size_t strip = strip_columns(shape_);
        const std::size_t step = tall_.blocks.empty() ? 1 : together;
        for (std::size_t column = 0; column < width; column += strip) {
            const std::size_t columns = std::min(strip, width - column);
            for (std::size_t row = 0; row < height;) {
                const std::size_t rows = row + step <= height ? step : 1;
                const float *input = planes.samples + row * planes.row + column;
                if (row + rows < height) {
                    for (std::size_t i = 0; i < shape_.inputs; ++i) {
                        prefetch(input + i * planes.plane + (rows + shape_.rows - 1) * planes.row, columns);
                    }
                }
                compute({input, planes.plane, planes.row}, rows > 1 ? tall_ : packed_, shape_.rows + rows - 1, bias,
                        rectified, result + row * width + column, rows > 1 ? width : height * width, columns);
                row += rows;
            }
        }
    }

private:
    void compute(const Planes &planes, const Packed &packed, std::size_t kernel_rows, const float *bias, bool rectified,
                 float *result, std::size_t result_plane, std::size_t columns) const
    {
        std::size_t first = 0;
        for (const std::size_t block : packed.blocks) {
            RowOfOutputs job;
            job.input = planes.samples;
            job.input_plane = planes.plane;
            job.input_row = planes.row;
            job.inputs = shape_.inputs;
            job.kernel_rows = kernel_rows;
            job.kernel_columns = shape_.columns;
            job.weights = packed.weights.data() + first * shape_.inputs * kernel_rows * shape_.columns;
            job.outputs = block;
            job.bias = bias + first;
            job.output = result + first * result_plane;
            job.output_plane = result_plane;
            job.columns = columns;
            job.rectified = rectified;
            kernels_.outputs(job);
            first += block;
        }
    }

    const Kernels &kernels_;
    Shape shape_;
    Packed packed_, tall_;
};

// The biases of a layer; those of the rows that are computed together are equal.
std::vector<float> biases(const Shape &shape, const float *bias)
{
    std::vector<float> values(std::max(shape.outputs, together), bias == nullptr || shape.outputs > 1 ? 0.0F : *bias);
    if (bias != nullptr) {
        std::copy_n(bias, shape.outputs, values.begin());
    }
    return values;
}

// The gradient of one item's result, zero where the result was rectified, with a border of zeros as wide as a kernel.
class Bordered {
public:
    explicit Bordered(const Shape &shape)
        : outputs_(shape.outputs), height_(shape.result_height()), width_(shape.result_width()), top_(shape.rows - 1),
          left_(shape.columns - 1), row_(width_ + 2 * left_), plane_((height_ + 2 * top_) * row_),
          samples_(shape.outputs * plane_)
    {
    }

    // `result` may be null.
    void assign(const Kernels &kernels, const float *result, const float *gradient)
    {
        for (std::size_t o = 0; o < outputs_; ++o) {
            for (std::size_t y = 0; y < height_; ++y) {
                const std::size_t from = (o * height_ + y) * width_;
                float *to = samples_.data() + o * plane_ + (top_ + y) * row_ + left_;
                if (result == nullptr) {
                    std::copy_n(gradient + from, width_, to);
                } else {
                    kernels.copy_where_positive(result + from, gradient + from, to, width_);
                }
            }
        }
    }

    Planes whole() const { return {samples_.data(), plane_, row_}; }
    Planes inner() const { return {samples_.data() + top_ * row_ + left_, plane_, row_}; }

private:
    std::size_t outputs_, height_, width_, top_, left_, row_, plane_;
    Aligned<float> samples_;
};

// The sums of one item's products, a vector of `lanes` elements for each weight.
void sum_products(const Kernels &kernels, const Shape &shape, const float *planes, const Planes &gradient, float *sums)
{
    const std::size_t height = shape.result_height(), width = shape.result_width();
    const std::size_t size = shape.inputs * shape.rows * shape.columns * kernels.lanes;
    const std::vector<std::size_t> blocks = parts(shape.outputs, gradient_outputs);
    const std::vector<std::size_t> columns = parts(shape.columns, gradient_columns);
    const std::size_t band = std::max<std::size_t>(1, cached_elements / ((blocks.front() + 1) * shape.width));
    for (std::size_t y = 0; y < height; y += band) {
        std::size_t first = 0;
        for (const std::size_t block : blocks) {
            for (std::size_t i = 0; i < shape.inputs; ++i) {
                for (std::size_t row = 0; row < shape.rows; ++row) {
                    std::size_t column = 0;
                    for (const std::size_t count : columns) {
                        KernelGradientRows job;
                        job.input = planes + (i * shape.height + y + row) * shape.width + column;
                        job.input_row = shape.width;
                        job.gradient = gradient.samples + first * gradient.plane + y * gradient.row;
                        job.gradient_plane = gradient.plane;
                        job.gradient_row = gradient.row;
                        job.rows = std::min(band, height - y);
                        job.width = width;
                        job.outputs = block;
                        job.columns = count;
                        job.sums = sums + first * size +
                                   ((i * shape.rows + row) * shape.columns + column) * kernels.lanes;
                        job.sums_output = size;
                        kernels.kernel_gradient(job);
                        column += count;
                    }
                }
            }
            first += block;
        }
    }
}

// Adds the elements of each vector to a sum.
void add_lanes(const Aligned<float> &vectors, std::size_t lanes, float *sums)
{
    const float *element = vectors.data();
    for (float *sum = sums; element != vectors.data() + vectors.size(); ++sum) {
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            *sum += *element++;
        }
    }
}

void add_samples(const Shape &shape, const Planes &gradient, float *sums)
{
    for (std::size_t o = 0; o < shape.outputs; ++o) {
        double sum = 0;
        for (std::size_t y = 0; y < shape.result_height(); ++y) {
            const float *row = gradient.samples + o * gradient.plane + y * gradient.row;
            sum = std::accumulate(row, row + shape.result_width(), sum);
        }
        sums[o] = static_cast<float>(sum);
    }
}

} // namespace

void check(const Shape &shape)
{
    require(shape.count > 0 && shape.inputs > 0 && shape.outputs > 0 && shape.rows > 0 && shape.columns > 0 &&
                shape.rows <= shape.height && shape.columns <= shape.width,
            "the kernel of a convolution must fit into the planes");
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / sizeof(float) / 64;
    std::size_t left = most / (shape.height + shape.rows) / (shape.width + shape.columns) / shape.count;
    left /= std::max(shape.inputs, shape.outputs);
    require(left > 0 && shape.outputs <= most / shape.inputs / shape.rows / shape.columns / shape.count,
            "a convolution is too large");
}

void convolve(const Shape &shape, const float *planes, const float *kernels, const float *bias, bool rectified,
              float *result, Instructions instructions, std::size_t threads)
{
    const Kernels &loops = kernels_for(instructions);
    const auto weight = [&](std::size_t output, std::size_t input, std::size_t row, std::size_t column) {
        return kernels[((output * shape.inputs + input) * shape.rows + row) * shape.columns + column];
    };
    const Layer layer(loops, shape, weight);
    const std::vector<float> added = biases(shape, bias);
    const std::size_t item = shape.inputs * shape.height * shape.width;
    const std::size_t result_item = shape.outputs * shape.result_height() * shape.result_width();
    parallel_for(shape.count, threads, [&](std::size_t n) {
        layer.apply({planes + n * item, shape.height * shape.width, shape.width}, added.data(), rectified,
                    result + n * result_item);
    });
}

void gradients(const Shape &shape, const float *planes, const float *kernels, const float *result,
               const float *result_gradient, float *planes_gradient, float *kernels_gradient, float *bias_gradient,
               Instructions instructions, std::size_t threads)
{
    const Kernels &loops = kernels_for(instructions);
    // the gradient of the planes is a convolution with the flipped kernels
    const auto flipped = [&](std::size_t output, std::size_t input, std::size_t row, std::size_t column) {
        const std::size_t y = shape.rows - 1 - row, x = shape.columns - 1 - column;
        return kernels[((input * shape.inputs + output) * shape.rows + y) * shape.columns + x];
    };
    Shape back = shape;
    back.inputs = shape.outputs;
    back.outputs = shape.inputs;
    back.height = shape.height + shape.rows - 1;
    back.width = shape.width + shape.columns - 1;
    std::optional<Layer> layer;
    if (planes_gradient != nullptr) {
        layer.emplace(loops, back, flipped);
    }
    const std::vector<float> none = biases(back, nullptr);
    const std::size_t weights = kernels_gradient == nullptr
                                    ? 0
                                    : shape.outputs * shape.inputs * shape.rows * shape.columns;
    const std::size_t item = shape.inputs * shape.height * shape.width;
    const std::size_t area = shape.result_height() * shape.result_width();
    std::vector<float> sums(shape.count * weights);
    std::vector<float> bias_sums(bias_gradient == nullptr ? 0 : shape.count * shape.outputs);
    const std::size_t workers = std::max<std::size_t>(1, std::min(threads, shape.count));
    parallel_for(workers, workers, [&](std::size_t worker) {
        Bordered gradient(shape);
        Aligned<float> vectors(weights * loops.lanes);
        for (std::size_t n = worker; n < shape.count; n += workers) {
            const std::size_t from = n * shape.outputs * area;
            gradient.assign(loops, result == nullptr ? nullptr : result + from, result_gradient + from);
            if (layer) {
                layer->apply(gradient.whole(), none.data(), false, planes_gradient + n * item);
            }
            if (weights != 0) {
                std::fill(vectors.begin(), vectors.end(), 0.0F);
                sum_products(loops, shape, planes + n * item, gradient.inner(), vectors.data());
                add_lanes(vectors, loops.lanes, sums.data() + n * weights);
            }
            if (bias_gradient != nullptr) {
                add_samples(shape, gradient.inner(), bias_sums.data() + n * shape.outputs);
            }
        }
    });
    // items are added in their order, so the result does not depend on the threads
    const auto total = [&](const std::vector<float> &items, std::size_t size, float *out) {
        for (std::size_t i = 0; i < size; ++i) {
            out[i] = 0;
            for (std::size_t n = 0; n < shape.count; ++n) {
                out[i] += items[n * size + i];
            }
        }
    };
    if (kernels_gradient != nullptr) {
        total(sums, weights, kernels_gradient);
    }
    if (bias_gradient != nullptr) {
        total(bias_sums, shape.outputs, bias_gradient);
    }
}

} // namespace j2kl::training
