/* j2kl: subband transport over OpenJPEG.
 *
 * OpenJPEG codes samples, not coefficients. This library makes it code coefficients. The encoder applies the inverse
 * wavelet to the subbands of every component, so that OpenJPEG's forward wavelet passes the same subbands to tier-1.
 * The decoder applies the forward wavelet to the samples that OpenJPEG decodes. The picture between the two wavelets
 * is called the carrier. The 5/3 makes this exact. With the 9/7 the encoder rounds the carrier to integers;
 * `fraction_bits` sets the step of this rounding. What tier-1 has coded is decoded exactly in both cases: the decoder
 * makes OpenJPEG treat quantised subbands of the 9/7 as integer subbands of the 5/3 (`half_steps`).
 *
 * The subbands of a component are one array: LL, then HL, LH, HH from the coarsest to the finest level, each row-major
 * without gaps. Their sizes are those of T.800 equation B-15 for the whole image area; the library divides them into
 * tiles. The transform is critically sampled, so the array has as many elements as the component has samples. The
 * elements are int32_t, except that the encoder takes float on the irreversible path.
 *
 * There is no global state. Several threads may use different handles at the same time; a handle is used by one thread
 * at a time. Functions that can fail return one of the codes below. The text of a failure is written to the report that
 * was passed in when the handle was created; the report has to outlive the handle.
 */
#ifndef J2KL_H
#define J2KL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library is built with hidden visibility. A pragma exports these functions, as cffi reads the block below, which
 * must not contain macros. */
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* [cffi begin] */

enum {
    J2KL_OK = 0,
    J2KL_ERROR_ARGUMENT = 1,  /* a parameter is out of range */
    J2KL_ERROR_MEMORY = 2,    /* an allocation failed */
    J2KL_ERROR_OPENJPEG = 3,  /* OpenJPEG failed; the report says why */
    J2KL_ERROR_LIMIT = 4,     /* the codestream asks for more than the limits allow */
    J2KL_ERROR_RANGE = 5,     /* samples, coefficients or a reversible carrier exceed their range */
    J2KL_ERROR_STATE = 6,     /* calls in the wrong order */
    J2KL_ERROR_SEGMENT = 7,   /* the learned-transform segment is damaged, or contradicts the main header */
    J2KL_ERROR_UNSUPPORTED = 8, /* the file needs a later version, or PyTorch */
    J2KL_ERROR_MODEL = 9,     /* a model file is invalid */
    J2KL_ERROR_MODEL_NOT_FOUND = 10 /* no model has the id that the file names */
};

/* Messages of OpenJPEG and of this library: UTF-8, zero-terminated, truncated to the size of the field. */
typedef struct j2kl_report {
    char error[1024];
    char warning[1024];
    char missing[256];                  /* what a codestream that ends early lacks; empty if it is complete */
    char info[4096];                    /* informational messages */
    uint32_t errors;
    uint32_t warnings;
} j2kl_report;

typedef struct j2kl_parameters {
    uint32_t x0, y0, x1, y1;            /* image area on the reference grid: XOsiz, YOsiz, Xsiz, Ysiz */
    uint32_t tile_x0, tile_y0;          /* XTOsiz, YTOsiz */
    uint32_t tile_width, tile_height;   /* XTsiz, YTsiz, at least 2^levels; 0: one tile */
    uint32_t components;                /* 1 .. 16384, all of the same size */
    uint32_t precision;                 /* bits per sample in SIZ, 1 .. 24; at most 22 for reversible samples */
    int32_t is_signed;                  /* 1: signed samples, without level shift */
    uint32_t levels;                    /* decomposition levels, 0 .. 14 */
    int32_t reversible;                 /* 1: 5/3 and RCT, 0: 9/7 and ICT */
    int32_t component_transform;        /* 1: RCT or ICT of the first three components */
    uint32_t codeblock_width, codeblock_height;
    uint32_t precinct_count;            /* 0: maximum precincts; else the number of sizes, finest resolution first */
    uint32_t precinct_width[33];
    uint32_t precinct_height[33];
    uint32_t progression;               /* 0 LRCP, 1 RLCP, 2 RPCL, 3 PCRL, 4 CPRL */
    uint32_t layers;                    /* 1 .. 100 */
    double layer_bytes[100];            /* codestream size in bytes up to and including the layer; 0: all passes */
    uint32_t mode_switches;             /* T.800 Table A.19: 1 BYPASS 2 RESET 4 TERMALL 8 VSC 16 ERTERM 32 SEGSYM */
    int32_t sop, eph, plt, tlm;         /* 1: write these marker segments */
    int32_t fraction_bits;              /* sample = carrier * 2^fraction_bits (irreversible subbands) */
    uint32_t threads;                   /* 0 or 1: only the calling thread */
} j2kl_parameters;

typedef struct j2kl_limits {
    uint64_t max_samples;               /* decoded samples, over all components; 0: no limit */
    uint32_t max_tiles;                 /* tiles in the codestream; 0: no limit */
} j2kl_limits;

typedef struct j2kl_request {
    uint32_t reduce;                    /* number of highest resolutions to discard */
    uint32_t layers;                    /* quality layers to decode; 0: all */
    uint32_t x0, y0, x1, y1;            /* area on the reference grid; all 0: the whole image */
    int32_t half_steps;                 /* 1: decode a codestream of the 9/7 to half quantiser steps, see below */
    uint32_t component_count;           /* 0: all components, after the inverse component transform; */
    const uint32_t *component_list;     /* else only these, without the inverse transform */
    int32_t strict;                     /* 1: fail if the codestream is damaged, else decode what can be decoded */
    uint32_t threads;
} j2kl_request;

/* The main header of a codestream. */
typedef struct j2kl_header {
    uint32_t x0, y0, x1, y1;
    uint32_t tile_x0, tile_y0, tile_width, tile_height;
    uint32_t tiles_across, tiles_down;
    uint32_t components;
    uint32_t levels;                    /* of the first component */
    uint32_t layers;
    int32_t reversible;
    int32_t component_transform;
} j2kl_header;

/* A decoded component. */
typedef struct j2kl_component {
    uint32_t x0, y0;                    /* first sample, in the coordinates of the decoded resolution */
    uint32_t width, height;
    uint32_t dx, dy;                    /* subsampling: XRsiz, YRsiz */
    uint32_t precision;
    int32_t is_signed;
    int32_t is_alpha;                   /* from a JP2 channel definition box */
} j2kl_component;

typedef struct j2kl_encoder j2kl_encoder;
typedef struct j2kl_decoder j2kl_decoder;

uint32_t j2kl_abi_version(void);
const char *j2kl_openjpeg_version(void);
size_t j2kl_sizeof_parameters(void);
size_t j2kl_sizeof_request(void);

/* Encoding: create an encoder, put every component once (all as subbands or all as samples), finish. */
int j2kl_encoder_create(const j2kl_parameters *parameters, j2kl_report *report, j2kl_encoder **encoder);
int j2kl_encoder_put_subbands(j2kl_encoder *encoder, uint32_t component, const void *subbands);
int j2kl_encoder_put_samples(j2kl_encoder *encoder, uint32_t component, const int32_t *samples);
/* The encoder owns the codestream (without JP2 boxes) and keeps it until it is freed. An encoder finishes once. */
int j2kl_encoder_finish(j2kl_encoder *encoder, const uint8_t **codestream, size_t *size);
void j2kl_encoder_free(j2kl_encoder *encoder);

/* Decoding: open a codestream or a JP2 file in memory, decode it once, then get components in any order. The data must
 * outlive the decoder. */
int j2kl_decoder_open(const uint8_t *data, size_t size, const j2kl_limits *limits, j2kl_report *report,
                      j2kl_decoder **decoder);
int j2kl_decoder_header(const j2kl_decoder *decoder, j2kl_header *header);
int j2kl_decoder_decode(j2kl_decoder *decoder, const j2kl_request *request);
int j2kl_decoder_component_count(const j2kl_decoder *decoder, uint32_t *count);
int j2kl_decoder_component(const j2kl_decoder *decoder, uint32_t index, j2kl_component *component);
int j2kl_decoder_get_samples(j2kl_decoder *decoder, uint32_t index, int32_t *samples);
/* Decompose the decoded samples of every tile into `levels` levels. If the requested area ends inside a tile, the
 * coefficients within two samples of that edge are those of an image that ends there. A single high-pass sample of a tile
 * is not doubled (T.800 F.4.6), so that any integers can be put and got again. If the codestream has a component
 * transform, the first call overwrites the samples of the first three components: get their samples before.
 *
 * A codestream of the 9/7 has to be decoded with `half_steps`. Then there are no samples, the component transform is not
 * inverted, and the subbands are whole numbers n of half quantiser steps: exactly what tier-1 has decoded. With the index
 * q of a coefficient and p bit-planes that are not decoded, |n| = 2 |q| + 2^p, and n = 0 if q = 0 (T.800 equation E-6
 * with r = 1/2). This does not depend on the area, as long as it ends two samples of the resolution away. LL is exact
 * only if it is the coarsest subband of the codestream; LL of other levels was not coded, and means nothing. The
 * decoding fails if the codestream has other styles of quantisation than expounded, regions of interest, tiles that
 * differ in coding or quantisation, single high-pass samples (T.800 F.3.6), or code-blocks of more than 29 bit-planes. */
int j2kl_decoder_get_subbands(j2kl_decoder *decoder, uint32_t index, uint32_t levels, int32_t *subbands);
void j2kl_decoder_free(j2kl_decoder *decoder);

/* Reads some code-blocks of a complete codestream of the 9/7 (not of a JP2 file), without its other parts. The data must
 * stay unchanged until the reader is freed. Headers are read once; those of tiles when they are first needed. It is an
 * error (J2KL_ERROR_UNSUPPORTED) if code-blocks cannot be decoded by themselves: the codestream may still be decoded as
 * a whole. */
typedef struct j2kl_block_reader j2kl_block_reader;

/* A part of a subband, in the coordinates of the subband, and the place for its coefficients, row by row without gaps.
 * `band` is 0 for LL, 1 for HL, 2 for LH, 3 for HH; `level` is the decomposition level. LL exists at the coarsest level
 * only. */
typedef struct j2kl_band_request {
    uint32_t component, level, band;
    uint32_t x0, y0, x1, y1;
    int32_t *half_steps;                /* as j2kl_decoder_get_subbands returns them */
} j2kl_band_request;

int j2kl_block_reader_open(const uint8_t *data, size_t size, j2kl_report *report, j2kl_block_reader **reader);
/* There may be one request for each subband. `layers` is the number of layers to decode; 0: all. */
int j2kl_block_reader_read(j2kl_block_reader *reader, const j2kl_band_request *requests, size_t count, uint32_t layers,
                           uint32_t threads);
void j2kl_block_reader_free(j2kl_block_reader *reader);

/* The packets of tiles (T.800 B.9 to B.12), for programs that move packets without decoding them. */
typedef struct j2kl_packets j2kl_packets;

typedef struct j2kl_packet {
    uint64_t begin;                     /* offset in the data of the tile */
    uint64_t header, header_size;       /* with EPH; the offset is in the packed headers, if there are any */
    uint64_t body, end;                 /* offsets in the data of the tile */
    uint32_t component, resolution, precinct, layer;
    uint32_t sop;                       /* 1: it begins with an SOP marker segment */
    uint32_t reserved;
} j2kl_packet;

/* `head` is a main header, from SOC to the marker SOT that ends it. It is not kept. */
int j2kl_packets_open(const uint8_t *head, size_t size, j2kl_report *report, j2kl_packets **packets);
/* `segments` are the marker segments of the tile-part headers of a tile, followed by the marker SOD. The packets are
 * valid until the next call. List those that the tile should have, in order and without offsets: */
int j2kl_packets_list(j2kl_packets *packets, uint32_t tile, const uint8_t *segments, size_t segments_size,
                      const j2kl_packet **result, size_t *count);
/* Find those that it has. `data` is the data of its tile-parts without their headers, joined; `headers` has its packed
 * packet headers (A.7.4, A.7.5), or is null. It is an error if a packet is damaged or missing. */
int j2kl_packets_find(j2kl_packets *packets, uint32_t tile, const uint8_t *segments, size_t segments_size,
                      const uint8_t *data, size_t size, const uint8_t *headers, size_t headers_size,
                      const j2kl_packet **result, size_t *count);
/* Rewrite them with more zero bit-planes (B.10.5). `planes` has a number for every subband of every component: LL, then
 * HL, LH and HH from the coarsest to the finest level; `count` is how many. The packets that are returned have offsets in
 * `bytes`, which is valid until the next call. */
int j2kl_packets_raise(j2kl_packets *packets, uint32_t tile, const uint8_t *segments, size_t segments_size,
                       const uint8_t *data, size_t size, const uint8_t *planes, size_t planes_count,
                       const uint8_t **bytes, const j2kl_packet **result, size_t *count);
void j2kl_packets_free(j2kl_packets *packets);

/* One level of a base wavelet on a plane whose first sample is at (y0, x0). `stride` is the number of elements from one
 * row to the next. The subbands are row-major without gaps. */
int j2kl_analyse_97(const float *plane, size_t stride, uint32_t width, uint32_t height, uint32_t x0, uint32_t y0,
                    float *ll, float *hl, float *lh, float *hh, uint32_t threads);
int j2kl_synthesise_97(const float *ll, const float *hl, const float *lh, const float *hh, uint32_t width,
                       uint32_t height, uint32_t x0, uint32_t y0, float *plane, size_t stride, uint32_t threads);
int j2kl_analyse_53(const int32_t *plane, size_t stride, uint32_t width, uint32_t height, uint32_t x0, uint32_t y0,
                    int32_t *ll, int32_t *hl, int32_t *lh, int32_t *hh, uint32_t threads);
int j2kl_synthesise_53(const int32_t *ll, const int32_t *hl, const int32_t *lh, const int32_t *hh, uint32_t width,
                       uint32_t height, uint32_t x0, uint32_t y0, int32_t *plane, size_t stride, uint32_t threads);
/* The 5/3 that lifts in two dimensions at once, and rounds every coefficient once (docs/format-lossless.md). */
int j2kl_analyse_non_separable_53(const int32_t *plane, size_t stride, uint32_t width, uint32_t height, uint32_t x0,
                                  uint32_t y0, int32_t *ll, int32_t *hl, int32_t *lh, int32_t *hh, uint32_t threads);
int j2kl_synthesise_non_separable_53(const int32_t *ll, const int32_t *hl, const int32_t *lh, const int32_t *hh,
                                     uint32_t width, uint32_t height, uint32_t x0, uint32_t y0, int32_t *plane,
                                     size_t stride, uint32_t threads);

/* The weights of lossless files between components, in one subband. Arrays hold blocks of 64 coefficients: coefficient i
 * of block j is at i * blocks + j. `count` is at most 6; `fraction_bits`, at most 8, are those of the target and of the
 * sources. j2kl_weights_fit writes weights in 1/64 by least squares, j2kl_weights_refine changes them as long as that
 * saves bits; both write an estimate of the bits that are left of the target. */
int j2kl_block_bits(const int32_t *samples, size_t blocks, double *bits);
int j2kl_weights_fit(const int32_t *const *sources, uint32_t count, const int32_t *target, size_t blocks,
                     uint32_t fraction_bits, int32_t *weights, double *bits);
int j2kl_weights_refine(const int32_t *const *sources, uint32_t count, const int32_t *target, size_t blocks,
                        uint32_t fraction_bits, int32_t *weights, double *bits);

/* Reconstruct coefficients from half quantiser steps (T.800 equation E-6 with r below one half). The midpoint of the
 * interval that tier-1 decoded is moved towards zero, where a peaked distribution has more of its mass. `spacing` is half
 * the quantiser step. In the k-th interval from zero the point moves by bias / (1 + (k - 1) / 4) of the interval. In
 * single precision, with n half steps and the largest power of two u that divides n:
 *
 *     (|n| - 2 * bias * u / (0.75 + 0.25 * ((|n| / u - 1) * 0.5))) * spacing, with the sign of n
 *
 * Each operation is rounded by itself, from the left to the right, the conversion of n too. The arrays may not overlap. */
int j2kl_reconstruct(const int32_t *half_steps, float *coefficients, size_t count, float spacing, float bias,
                     uint32_t threads);

/* Integer networks: convolutions of int16 planes. Results are exact, so they are the same on every machine.
 *
 * y = clamp(((sum + bias + rounding) >> shift) + residual, low, high)
 *
 * The sum is that of weights x inputs over a neighbourhood of size x size; inputs outside the plane are 0. The rounding
 * is half of 1 << shift, or 0 if the shift is 0. Planes are row-major with the channels innermost; weights have the
 * shape (outputs, size, size, inputs). The caller ensures that no partial sum, residual included, exceeds 32 bits; sums
 * that do exceed them wrap around. */
typedef struct j2kl_layer j2kl_layer;

enum {
    J2KL_INSTRUCTIONS_BEST = 0,         /* the fastest set that the processor supports */
    J2KL_INSTRUCTIONS_PORTABLE = 1,
    J2KL_INSTRUCTIONS_AVX2 = 2,
    J2KL_INSTRUCTIONS_AVX512 = 3,
    J2KL_INSTRUCTIONS_AVX512_VNNI = 4
};

/* Return 1 if the processor supports the instruction set and the environment variable J2KLEARN_CPU allows it, else 0. */
int j2kl_instructions_available(uint32_t instructions);

/* `size` is 1, 3 or 5; there are 1 .. 4096 inputs and outputs; `shift` has a value of 0 .. 30 for each output; `low`
 * and `high` are within int16. The arrays are copied. Several threads may use a layer at the same time. */
int j2kl_layer_create(const int16_t *weights, const int32_t *bias, const int32_t *shift, uint32_t outputs, uint32_t size,
                      uint32_t inputs, int32_t low, int32_t high, j2kl_layer **layer);
/* `residual` may be null. The planes must not overlap. */
int j2kl_layer_apply(const j2kl_layer *layer, const int16_t *x, uint32_t height, uint32_t width,
                     const int16_t *residual, int16_t *y, uint32_t instructions, uint32_t threads);
void j2kl_layer_free(j2kl_layer *layer);

/* Learned lifting steps in integers. An operator predicts `outputs` maps from `inputs` maps: for every output it blends
 * linear proposals by opacities. A network computes the opacities: a first layer, residual blocks of two layers of 3x3,
 * and a last layer, all without biases. With R(a, s) = (a + (1 << s >> 1)) >> s:
 *
 *     q          = clamp(rint(sample * 2^input_bits), -32767, 32767), 0 for NaN; rint rounds halves to even
 *     h          = clamp(R(first * q, first_shift), 0, 8191)
 *     in a block:  g = clamp(R(w * h, shift), 0, 8191), then h = clamp(R(w' * g, shift') + h, 0, 8191)
 *     l          = clamp(R(last * h, last_shift), 0, 65535 - offset) + offset
 *     opacity    = (l * floor(2^30 / sum of l) + 2^15) >> 16
 *     p          = clamp(R(proposal * q, proposal_shift), -32767, 32767)
 *     prediction = R(sum of p * opacity, 14) * 2^-output_bits
 *
 * Results are exact, so they are the same on every machine, for any number of threads, and for any division of the
 * area into parts. */
typedef struct j2kl_operator j2kl_operator;

typedef struct j2kl_operator_shape {
    uint32_t inputs, outputs;           /* 1 .. 3 */
    uint32_t proposals;                 /* of an output, 1 .. 32 */
    uint32_t width;                     /* channels of the network, 1 .. 64 */
    uint32_t blocks;                    /* residual blocks, 0 .. 4 */
    uint32_t first_kernel, last_kernel; /* 1, 3, 5 or 7 */
    uint32_t proposal_kernel;           /* odd, 1 .. 25 */
} j2kl_operator_shape;

typedef struct j2kl_operator_numbers {
    int32_t input_bits, output_bits;    /* fractional bits, -16 .. 16 */
    int32_t first_shift;                /* shifts are 0 .. 30 */
    int32_t block_shifts[8];            /* two for every block */
    int32_t last_shift;
    int32_t proposal_shift;
    int32_t offset;                     /* 1 .. 65535 */
} j2kl_operator_numbers;

typedef struct j2kl_rect {
    int32_t y0, x0, y1, x1;             /* half-open: y0 <= y < y1, x0 <= x < x1 */
} j2kl_rect;

/* Samples on the grid of a lifting step. `row_stride` is the number of elements from one row to the next. */
typedef struct j2kl_plane {
    float *samples;                     /* the sample at (y0, x0); may be null if the area is empty */
    ptrdiff_t row_stride;
    int32_t y0, x0, y1, x1;
} j2kl_plane;

/* The weights have the shapes (width, inputs, first_kernel, first_kernel), (2 blocks, width, width, 3, 3), (proposals,
 * width, last_kernel, last_kernel) and (outputs, proposals, inputs, proposal_kernel, proposal_kernel); `blocks` may be
 * null if there are none. They are copied. It is an error if a sum of positive or of negative products can reach 2^31
 * for inputs of the ranges above, rounding included. `report` may be null. */
int j2kl_operator_create(const j2kl_operator_shape *shape, const int16_t *first, const int16_t *blocks,
                         const int16_t *last, const int16_t *proposals, const j2kl_operator_numbers *numbers,
                         j2kl_report *report, j2kl_operator **result);
/* Add the predictions to the targets (`sign` is 1) or subtract them (-1), in place. Component c has the sources
 * c * inputs + i and the targets c * outputs + o. Outside its area a source repeats its border samples; a source with an
 * empty area counts as zeros. If `shared` is not 0, the opacities of component 0 serve all components. If `grid` is not
 * null, only the samples inside it change. No target overlaps another plane. Several threads may use an operator at the
 * same time. */
int j2kl_operator_lift(const j2kl_operator *handle, const j2kl_plane *sources, const j2kl_plane *targets,
                       uint32_t components, int shared, int sign, const j2kl_rect *grid, uint32_t instructions,
                       uint32_t threads, j2kl_report *report);
void j2kl_operator_destroy(j2kl_operator *handle);

/* Mixtures in integer arithmetic, as j2klearn/neural/entropy/mixture.py defines them. */
typedef struct j2kl_mixture_tables {
    const int32_t *exponential;         /* 768 */
    const int32_t *reciprocal;          /* 897 */
    const int64_t *variance;            /* 897 */
    const int32_t *cumulative;          /* 2305 */
} j2kl_mixture_tables;

/* The bins of `count` mixtures: `inside` is the probability of bin 0, `centre` its first integer, `width` the log2 of
 * the width of a bin, `raw` the number of raw bits. `parameters` has the shape (count, 3, components), with 1 .. 4
 * components. */
int j2kl_mixture_bins(const j2kl_mixture_tables *tables, const int16_t *parameters, size_t count, uint32_t components,
                      int32_t *inside, int32_t *centre, int32_t *width, int32_t *raw, uint32_t threads);
/* The frequencies, each less 1, of the symbols outside bin 0: rows of 17. */
int j2kl_mixture_outside(const j2kl_mixture_tables *tables, const int16_t *parameters, size_t count, uint32_t components,
                         const int32_t *centre, const int32_t *width, float *rows, uint32_t threads);
/* The frequencies, each less 1, of digits: rows of 16. A digit has 1 .. 4 bits and counts steps of 2^step integers
 * (`step` is 0 .. 14), starting at `low` (within 2^22 of 0). */
int j2kl_mixture_digits(const j2kl_mixture_tables *tables, const int16_t *parameters, size_t count, uint32_t components,
                        const int32_t *low, const int32_t *step, const int32_t *bits, float *rows, uint32_t threads);

/* De-quantisation in integers, as docs/format.md defines it. The network reads the samples of `reads` components and
 * corrects the last `writes` of them: (1, 1) or (3, 2). It has `width` channels and `pairs` residual pairs of
 * convolutions of 3x3. With R(a, s) = (a + (1 << s >> 1)) >> s, the first layer and every layer of the body return
 * clamp(R(sum + bias, shift) + residual, 0, 8191), the last layer clamp(R(sum + bias, shift), -32768, 32767). Results
 * are the same on every machine, for any number of threads. */
typedef struct j2kl_dequantiser j2kl_dequantiser;

typedef struct j2kl_dequantiser_numbers {
    uint32_t reads, writes;             /* (1, 1) or (3, 2) */
    uint32_t width;                     /* 1 .. 64 */
    uint32_t pairs;                     /* 1 .. 4 */
    uint32_t side;                      /* of a position, in samples: 2 or 4 */
    int32_t first_shift;                /* shifts are 0 .. 28 */
    int32_t body_shifts[8];             /* two for every pair */
    int32_t last_shift;
    int32_t output_bits;                /* fractional bits of the last layer, 0 .. 24 */
} j2kl_dequantiser_numbers;

/* With P = side * side, the weights have the shapes (width, P reads + writes, 3, 3), (2 pairs, width, width, 3, 3)
 * and (P writes, width, 3, 3). `biases` are those of all layers, one after the other. `compression` has 545 nodes, in
 * rising order from 0 to at most 8943; `octaves` has 2^(k / 256) for k from 0 to 255. All arrays are copied. It is an
 * error if a sum could exceed 32 bits. `report` may be null. Several threads may use a de-quantiser at the same time. */
int j2kl_dequantiser_create(const j2kl_dequantiser_numbers *numbers, const int16_t *first, const int16_t *body,
                            const int16_t *last, const int32_t *biases, const int16_t *compression,
                            const float *octaves, j2kl_report *report, j2kl_dequantiser **dequantiser);
/* Write the corrected samples of a part of the area [y0, y1) x [x0, x1), at most 2^30 in magnitude; all of them if `part` is
 * null.
 * There are `reads` sources and `writes` targets. They begin at (y0, x0), and no target may overlap a source; strides are
 * numbers of elements, the same for all sources and for all targets. `noise` has an array for each target: log2 of the
 * noise in 1/256, -2560 .. 5632, for every position, a block of side x side samples at multiples of `side`; with a
 * `noise_stride` of 0 it is one number. */
int j2kl_dequantiser_apply(const j2kl_dequantiser *dequantiser, const float *const *sources, ptrdiff_t source_stride,
                           float *const *targets, ptrdiff_t target_stride, int32_t y0, int32_t x0, int32_t y1,
                           int32_t x1, const j2kl_rect *part, const int16_t *const *noise,
                           ptrdiff_t noise_stride, uint32_t instructions, uint32_t threads, j2kl_report *report);
void j2kl_dequantiser_free(j2kl_dequantiser *dequantiser);

/* Pixels of planes in 8-bit grey levels, level shifted: the samples of all components side by side, one byte each for up to
 * 8 bits of `precision`, else two, signed if `is_signed`. With `ict`, the first three planes are Y, Cb and Cr, and the
 * samples R, G and B. Every plane has `count` samples. */
int j2kl_pixels(const float *const *planes, uint32_t components, size_t count, int32_t ict, uint32_t precision,
                int32_t is_signed, void *pixels, uint32_t instructions, uint32_t threads);
/* Planes of pixels, the inverse: `sample_bytes` is 1 or 2, and not determined by `precision`. Every operation is rounded by
 * itself. */
int j2kl_planes(const void *pixels, uint32_t components, size_t count, int32_t ict, uint32_t sample_bytes,
                uint32_t precision, int32_t is_signed, float *const *planes, uint32_t instructions, uint32_t threads);

/* Learned files (docs/format.md), from bytes to samples. Everything is computed in this library, in integers and in
 * single precision whose operations are rounded one by one: the samples are the same on every machine, for any number
 * of threads, and for any division into regions. */

/* The models that files may name: shipped ones, and those of the caller. Several threads may use one at the same time. */
typedef struct j2kl_models j2kl_models;

int j2kl_models_create(j2kl_models **models);
/* Add the model files of a folder (*.safetensors); they are read when a model is first looked up, and files that are no
 * valid transforms are ignored. A null or empty name stands for the folder of this library, its subfolder "models", and
 * the folder "models" beside it. */
int j2kl_models_add_folder(j2kl_models *models, const char *folder);
/* Add a model file in memory, which is searched before those of folders. The bytes are copied. `report` may be null. */
int j2kl_models_add(j2kl_models *models, const uint8_t *data, size_t size, j2kl_report *report);
void j2kl_models_free(j2kl_models *models);

/* A file behind a function. `read` copies up to `count` bytes from `offset` on, and returns their number: 0 at the end of
 * the file, negative if they cannot be read. */
typedef struct j2kl_reader {
    void *context;
    uint64_t size;
    int64_t (*read)(void *context, uint64_t offset, uint8_t *buffer, size_t count);
} j2kl_reader;

enum {
    J2KL_MODEL_MISSING = 0,             /* no model has the id: the file cannot be decoded here */
    J2KL_MODEL_INTEGER = 1,             /* an integer model */
    J2KL_MODEL_TWIN = 2,                /* a float model, for which an integer model stands */
    J2KL_MODEL_FLOAT = 3                /* a float model without such a twin: it needs PyTorch */
};

enum {
    J2KL_DEQUANTISER_NONE = 0,          /* the samples are not de-quantised */
    J2KL_DEQUANTISER_INTEGER = 1,
    J2KL_DEQUANTISER_FLOAT = 2          /* the network has no twin in integers: only drafts can be decoded */
};

typedef struct j2kl_picture_info {
    int32_t learned;                    /* 0: an ordinary file, of which the fields below say nothing but sizes */
    int32_t is_jp2;
    uint32_t x0, y0, x1, y1;            /* area on the reference grid */
    uint32_t tile_x0, tile_y0, tile_width, tile_height;
    uint32_t components;
    uint32_t precision;                 /* bits per sample of all components, 1 .. 16 */
    int32_t is_signed;
    uint32_t levels, layers;
    uint32_t segment_version;           /* 1 .. 5; 5: lossless */
    uint8_t model_id[32];
    int32_t model, dequantiser;         /* one of each of the values above */
    char model_name[64];                /* UTF-8, truncated; empty if the model is missing */
} j2kl_picture_info;

typedef struct j2kl_picture_request {
    uint32_t reduce;                    /* number of highest resolutions to discard, at most the number of levels */
    uint32_t layers;                    /* quality layers to decode; 0, or more than there are: all */
    uint32_t x0, y0, x1, y1;            /* area on the reference grid, clipped to the picture; all 0: the whole picture */
    uint32_t component_count;           /* 0: all components, after the inverse component transform; */
    const uint32_t *component_list;     /* else only these, without the inverse transform */
    int32_t draft;                      /* 1: without de-quantisation */
    uint64_t max_pixels;                /* limit of the pixels to decode; 0: none */
    uint32_t threads;
} j2kl_picture_request;

typedef struct j2kl_picture j2kl_picture;

/* Open a codestream or a JP2 file. Only its main header is read. The data, or what `reader` refers to, must outlive the
 * picture; so must `report`. `models` may be null, and may be freed before the picture. A file whose model is missing is
 * opened, too. */
int j2kl_picture_open(const uint8_t *data, size_t size, const j2kl_models *models, j2kl_report *report,
                      j2kl_picture **picture);
int j2kl_picture_open_reader(const j2kl_reader *reader, const j2kl_models *models, j2kl_report *report,
                             j2kl_picture **picture);
int j2kl_picture_info_of(const j2kl_picture *picture, j2kl_picture_info *info);
/* The area of the samples that a request decodes, in the coordinates of its resolution. */
int j2kl_picture_area(const j2kl_picture *picture, const j2kl_picture_request *request, j2kl_rect *area);
/* Decode a learned file: `planes` has a pointer to the samples of every requested component, each of the size of the area
 * above, row by row without gaps. A picture may be decoded any number of times. If the codestream ends early, `missing` of
 * the report says what it lacks. */
int j2kl_picture_decode(j2kl_picture *picture, const j2kl_picture_request *request, int32_t *const *planes);
/* Decode an area from a part of the file: a codestream with the tiles that it needs, at their place on the reference grid,
 * with the quantiser steps of the file. Of the picture only the main header is used, and the file may be no more than that.
 * J2KL_ERROR_UNSUPPORTED: the code-blocks cannot be decoded by themselves, as in lossless files, or without detail
 * subbands. */
int j2kl_picture_decode_tiles(j2kl_picture *picture, const uint8_t *codestream, size_t size,
                              const j2kl_picture_request *request, int32_t *const *planes);
void j2kl_picture_free(j2kl_picture *picture);

/* Encoding of pictures by a learned transform. The coefficients, and so the codestream, are the same on every machine and
 * for any number of threads. */

/* The normalisation of a component: the offset is subtracted, then it is multiplied by 2^exponent. */
typedef struct j2kl_normalisation {
    uint32_t exponent;                  /* 0 .. 15 */
    int32_t offset;                     /* in units of the samples, within 2^17 */
} j2kl_normalisation;

/* Arrays of factors have one for every subband: LL, then HL, LH and HH from the coarsest to the finest level. */
typedef struct j2kl_picture_parameters {
    j2kl_parameters carrier;            /* of the codestream that OpenJPEG writes: signed samples and the 9/7. Its
                                         * precision and fraction bits are those of the carrier, in 8-bit grey levels */
    uint8_t model_id[32];
    uint32_t sample_bytes;              /* 1 or 2: the type of the samples is int8_t, uint8_t, int16_t or uint16_t */
    uint32_t precision;                 /* bits per sample, 1 .. 16 */
    int32_t is_signed;
    uint32_t shared;                    /* components, from the first on, that share the first one's opacities; 1 or more */
    int32_t base_chroma;                /* 1: the others of these have no learned steps at the finest level */
    const float *scales;                /* factors of the subbands of every component before the transport; or null */
    const float *weights;               /* of rate allocation: factors of the subbands of each component; or null */
    const j2kl_normalisation *normalisation; /* of each component, or null: it is applied to samples, and undone after */
} j2kl_picture_parameters;

size_t j2kl_sizeof_picture_parameters(void);
/* From samples to coefficients: `subbands` has a pointer to the place for those of every component, as
 * j2kl_encoder_put_subbands takes them. `samples` are those of all components side by side, pixel by pixel, row by row
 * without gaps. `report` may be null. J2KL_ERROR_UNSUPPORTED: the model needs PyTorch, or is one for lossless coding. */
int j2kl_picture_analyse(const j2kl_picture_parameters *parameters, const void *samples, const j2kl_models *models,
                         j2kl_report *report, float *const *subbands);
/* From samples to the codestream as OpenJPEG writes it: it declares the precision of the carrier, and has no
 * learned-transform segment. The codestream is freed by j2kl_codestream_free. */
int j2kl_picture_encode(const j2kl_picture_parameters *parameters, const void *samples, const j2kl_models *models,
                        j2kl_report *report, uint8_t **codestream, size_t *size);
void j2kl_codestream_free(uint8_t *codestream);
/* Measure the quantisation noise of a lossy learned file: of each component, layer and tile, in this order, the code that
 * the learned-transform segment states for de-quantisation. The segment of the picture need not have such a table, and its
 * model may be missing. There are at least two decomposition levels. */
int j2kl_picture_noise(j2kl_picture *picture, uint32_t threads, uint8_t *codes);

/* Convolutions of float planes with stride 1, for training. Planes are (count, inputs, height, width), kernels (outputs,
 * inputs, rows, columns), the result is (count, outputs, height - rows + 1, width - columns + 1), the bias (outputs); all
 * row-major without gaps. The rounding of sums depends on the instruction set, and not on the number of threads. */
typedef struct j2kl_convolution {
    uint32_t count, inputs, outputs, height, width, rows, columns;
} j2kl_convolution;

/* `bias` may be null. `rectified` 1: negative results become zero. */
int j2kl_convolve(const j2kl_convolution *convolution, const float *planes, const float *kernels, const float *bias,
                  int32_t rectified, float *result, uint32_t instructions, uint32_t threads);
/* From the gradient of the result to those of the planes, the kernels and the bias; each of these may be null. `result` is
 * that of j2kl_convolve if it was rectified, else null. */
int j2kl_convolution_gradients(const j2kl_convolution *convolution, const float *planes, const float *kernels,
                               const float *result, const float *result_gradient, float *planes_gradient,
                               float *kernels_gradient, float *bias_gradient, uint32_t instructions, uint32_t threads);

/* Proposals that are blended by their opacities, for training. Likelihoods are (count, proposals, size) and not negative,
 * proposals (count, outputs, proposals, size), results (count, outputs, size). `offset`, above 0, is added to likelihoods;
 * opacities are these sums, divided by their total at each sample. */
typedef struct j2kl_blending {
    uint32_t count, outputs, proposals;
    size_t size;
    float offset;
} j2kl_blending;

int j2kl_blend(const j2kl_blending *blending, const float *likelihoods, const float *proposals, float *result,
               uint32_t instructions, uint32_t threads);
int j2kl_blend_gradients(const j2kl_blending *blending, const float *likelihoods, const float *proposals,
                         const float *result, const float *result_gradient, float *likelihoods_gradient,
                         float *proposals_gradient, uint32_t instructions, uint32_t threads);

/* [cffi end] */

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
