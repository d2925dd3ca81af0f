/* j2kl: subband transport over OpenJPEG.
 *
 * OpenJPEG codes pictures, not coefficients. This library hands it coefficients all the same: the subbands of every
 * component go through the inverse of the wavelet that OpenJPEG will apply, so that OpenJPEG's own forward transform
 * returns them to tier-1; on the way back the forward wavelet is applied to the decoded samples. The picture between
 * the two wavelets is called the carrier. With the 5/3 this is exact; with the 9/7 it is exact up to the rounding of
 * the carrier to integers, which `fraction_bits` makes as fine as wanted.
 *
 * Subbands of a component are one array: LL, then HL, LH, HH from the coarsest to the finest level, each row-major
 * without gaps, of the sizes of T.800 equation B-15 for the whole image area (never per tile: the library cuts them
 * into tiles). As the transform is critically sampled, the array has as many elements as the component has samples.
 * Its elements are float for the irreversible path and int32_t for the reversible one.
 *
 * No global state: handles may be used from several threads at once, one thread per handle. Every function returns
 * one of the codes below; the text that goes with a failure is in the report handed in when the handle was made,
 * which has to outlive the handle.
 */
#ifndef J2KL_H
#define J2KL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library is built with hidden visibility; a pragma, as the block below has to be free of macros. */
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* [cffi begin] */

enum {
    J2KL_OK = 0,
    J2KL_ERROR_ARGUMENT = 1,  /* a parameter is out of range */
    J2KL_ERROR_MEMORY = 2,    /* memory could not be had */
    J2KL_ERROR_OPENJPEG = 3,  /* OpenJPEG refused; the report says why */
    J2KL_ERROR_LIMIT = 4,     /* the codestream asks for more than the limits allow */
    J2KL_ERROR_RANGE = 5,     /* samples or coefficients do not fit: a reversible carrier its precision */
    J2KL_ERROR_STATE = 6      /* calls in the wrong order */
};

/* What OpenJPEG said, as UTF-8 text ending in a zero byte; cut where it is longer. */
typedef struct j2kl_report {
    char error[1024];
    char warning[1024];
    char info[4096];                    /* what it said beside */
    uint32_t errors;
    uint32_t warnings;
} j2kl_report;

typedef struct j2kl_parameters {
    uint32_t x0, y0, x1, y1;            /* image area on the reference grid: XOsiz, YOsiz, Xsiz, Ysiz */
    uint32_t tile_x0, tile_y0;          /* XTOsiz, YTOsiz */
    uint32_t tile_width, tile_height;   /* XTsiz, YTsiz, 2^levels at least; 0: one tile */
    uint32_t components;                /* 1 .. 16384, all of one size */
    uint32_t precision;                 /* bits per sample as OpenJPEG is told, 1 .. 24; reversible samples: .. 22 */
    int32_t is_signed;                  /* samples are signed, without level shift */
    uint32_t levels;                    /* decomposition levels, 0 .. 14 */
    int32_t reversible;                 /* 1: 5/3 and RCT, 0: 9/7 and ICT */
    int32_t component_transform;        /* 1: RCT or ICT on the first three components */
    uint32_t codeblock_width, codeblock_height;
    uint32_t precinct_count;            /* 0: the largest precincts; else sizes from the finest resolution on */
    uint32_t precinct_width[33];
    uint32_t precinct_height[33];
    uint32_t progression;               /* 0 LRCP, 1 RLCP, 2 RPCL, 3 PCRL, 4 CPRL */
    uint32_t layers;                    /* 1 .. 100 */
    double layer_bytes[100];            /* size of the whole codestream when it ends with that layer; 0: all passes */
    uint32_t mode_switches;             /* T.800 Table A.19: 1 BYPASS 2 RESET 4 TERMALL 8 VSC 16 ERTERM 32 SEGSYM */
    int32_t sop, eph, plt, tlm;         /* marker segments to write */
    int32_t fraction_bits;              /* a sample is the carrier times 2^fraction_bits (irreversible subbands) */
    uint32_t threads;                   /* 0 or 1: the calling thread alone */
} j2kl_parameters;

typedef struct j2kl_limits {
    uint64_t max_samples;               /* width x height x components of what is decoded; 0: no limit */
    uint32_t max_tiles;                 /* tiles in the codestream; 0: no limit */
} j2kl_limits;

typedef struct j2kl_request {
    uint32_t reduce;                    /* highest resolutions to leave out */
    uint32_t layers;                    /* quality layers to decode; 0: all */
    uint32_t x0, y0, x1, y1;            /* area on the reference grid; all 0: everything */
    int32_t fraction_bits;              /* as in j2kl_parameters, for subbands */
    uint32_t component_count;           /* 0: all components, with the component transform undone; */
    const uint32_t *component_list;     /* else these alone, without it */
    uint32_t threads;
} j2kl_request;

/* What a codestream says of itself. */
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

/* One component as decoded. */
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

/* Writing: make an encoder, put every component once (all as subbands or all as samples), finish. */
int j2kl_encoder_create(const j2kl_parameters *parameters, j2kl_report *report, j2kl_encoder **encoder);
int j2kl_encoder_put_subbands(j2kl_encoder *encoder, uint32_t component, const void *subbands);
int j2kl_encoder_put_samples(j2kl_encoder *encoder, uint32_t component, const int32_t *samples);
/* The codestream (raw, no boxes) belongs to the encoder. An encoder finishes once. */
int j2kl_encoder_finish(j2kl_encoder *encoder, const uint8_t **codestream, size_t *size);
void j2kl_encoder_free(j2kl_encoder *encoder);

/* Reading: open a codestream or a JP2 file in memory (which has to outlive the decoder), decode it once, then take
 * components out of it in any order. */
int j2kl_decoder_open(const uint8_t *data, size_t size, const j2kl_limits *limits, j2kl_report *report,
                      j2kl_decoder **decoder);
int j2kl_decoder_header(const j2kl_decoder *decoder, j2kl_header *header);
int j2kl_decoder_decode(j2kl_decoder *decoder, const j2kl_request *request);
int j2kl_decoder_component_count(const j2kl_decoder *decoder, uint32_t *count);
int j2kl_decoder_component(const j2kl_decoder *decoder, uint32_t index, j2kl_component *component);
int j2kl_decoder_get_samples(j2kl_decoder *decoder, uint32_t index, int32_t *samples);
/* `levels` decompositions of the decoded samples, tile by tile. Where the requested area cuts through a tile, the
 * coefficients near the cut are those of a picture that ends there. After the first call with the component
 * transform in force, samples can no longer be taken. */
int j2kl_decoder_get_subbands(j2kl_decoder *decoder, uint32_t index, uint32_t levels, void *subbands);
void j2kl_decoder_free(j2kl_decoder *decoder);

/* One level of a base wavelet on a plane whose first sample is at (y0, x0); `stride` counts elements between rows.
 * The subbands are row-major without gaps. */
int j2kl_analyse_97(const float *plane, size_t stride, uint32_t width, uint32_t height, uint32_t x0, uint32_t y0,
                    float *ll, float *hl, float *lh, float *hh, uint32_t threads);
int j2kl_synthesise_97(const float *ll, const float *hl, const float *lh, const float *hh, uint32_t width,
                       uint32_t height, uint32_t x0, uint32_t y0, float *plane, size_t stride, uint32_t threads);
int j2kl_analyse_53(const int32_t *plane, size_t stride, uint32_t width, uint32_t height, uint32_t x0, uint32_t y0,
                    int32_t *ll, int32_t *hl, int32_t *lh, int32_t *hh, uint32_t threads);
int j2kl_synthesise_53(const int32_t *ll, const int32_t *hl, const int32_t *lh, const int32_t *hh, uint32_t width,
                       uint32_t height, uint32_t x0, uint32_t y0, int32_t *plane, size_t stride, uint32_t threads);

/* Round decoded coefficients, in place, to where tier-1 reconstructs them, and from the middle of their interval a
 * little towards zero, where more of a peaked distribution lies (T.800 equation E-6 with r below one half).
 * `spacing` is half the quantiser step, `factor` what the coefficients are multiplied by to count in it; `bias` is
 * the share of the interval that the first interval's point moves by. Points of the n-th interval from zero move by
 * bias / (1 + (n - 1) / 4). */
int j2kl_reconstruct(float *coefficients, size_t count, float factor, float spacing, float bias, uint32_t threads);

/* Integer networks: convolutions of int16 planes, exact and the same on every machine.
 *
 * y = clamp(((sum + bias + rounding) >> shift) + residual, low, high), where the sum is that of weights x inputs over
 * a neighbourhood of size x size, zero outside the plane, and the rounding half of 1 << shift, 0 for a shift of 0. Planes
 * are row-major, their channels innermost; weights are (outputs, size, size, inputs). The caller has to know that no
 * partial sum leaves 32 bits, residual included; sums that do wrap around. */
typedef struct j2kl_layer j2kl_layer;

enum {
    J2KL_INSTRUCTIONS_BEST = 0,         /* the fastest that the processor has */
    J2KL_INSTRUCTIONS_PORTABLE = 1,
    J2KL_INSTRUCTIONS_AVX2 = 2,
    J2KL_INSTRUCTIONS_AVX512 = 3,
    J2KL_INSTRUCTIONS_AVX512_VNNI = 4
};

/* Whether the processor has them: 1 or 0. */
int j2kl_instructions_available(uint32_t instructions);

/* Size 1, 3 or 5; 1 .. 4096 inputs and outputs; shifts (one for each output) 0 .. 30; low and high within int16. The
 * arrays are copied. A layer may be used from several threads at once. */
int j2kl_layer_create(const int16_t *weights, const int32_t *bias, const int32_t *shift, uint32_t outputs, uint32_t size,
                      uint32_t inputs, int32_t low, int32_t high, j2kl_layer **layer);
/* The residual may be null. The planes may not overlap. */
int j2kl_layer_apply(const j2kl_layer *layer, const int16_t *x, uint32_t height, uint32_t width,
                     const int16_t *residual, int16_t *y, uint32_t instructions, uint32_t threads);
void j2kl_layer_free(j2kl_layer *layer);

/* Mixtures in integers: see j2klearn/neural/entropy/mixture.py, which defines them. */
typedef struct j2kl_mixture_tables {
    const int32_t *exponential;         /* 768 */
    const int32_t *reciprocal;          /* 897 */
    const int64_t *variance;            /* 897 */
    const int32_t *cumulative;          /* 2305 */
} j2kl_mixture_tables;

/* How the integers around `count` mixtures are cut: probability of bin 0, its first integer, log2 of the width of bins,
 * raw bits. `parameters` are count x 3 x components (1 .. 4). */
int j2kl_mixture_bins(const j2kl_mixture_tables *tables, const int16_t *parameters, size_t count, uint32_t components,
                      int32_t *inside, int32_t *centre, int32_t *width, int32_t *raw, uint32_t threads);
/* Frequencies, less one each, of the bins but bin 0: rows of 17. */
int j2kl_mixture_outside(const j2kl_mixture_tables *tables, const int16_t *parameters, size_t count, uint32_t components,
                         const int32_t *centre, const int32_t *width, float *rows, uint32_t threads);
/* Frequencies, less one each, of digits: rows of 16. Digits are of 1 .. 4 bits, in steps of 2^step (0 .. 14) integers
 * from low (within 2^22 of 0) on. */
int j2kl_mixture_digits(const j2kl_mixture_tables *tables, const int16_t *parameters, size_t count, uint32_t components,
                        const int32_t *low, const int32_t *step, const int32_t *bits, float *rows, uint32_t threads);

/* [cffi end] */

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
