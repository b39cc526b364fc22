/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_body: the body of a push, in the text exposition format 0.0.4, read as
 * strictly as the original Pushgateway reads it.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 *
 * Unlike proto/exposition, which takes from a scraped page what it can use,
 * this accepts all or nothing: whoever pushes must hear what is wrong, with
 * its line ("text format parsing error in line 7: …"). Every line ends with a
 * line feed, the last one too; no CR; HELP and TYPE at most once for a name and
 * TYPE before its samples; known escapes only; no label twice; UTF-8; numbers
 * as Go reads them; no timestamps.
 *
 * The children of a summary or histogram (a_sum, a_bucket{le="1"}, …) belong
 * to it if its TYPE came before them. A line of it that is none of them, as a
 * bucket without "le", is read and dropped, as the original does.
 *
 * Stricter than the original, whose scrapes such bodies would spoil: help is
 * UTF-8, too; counts and buckets are not negative; TYPE has no backslash; the
 * limits below.
 *
 * One whole body at a time, no copy of it: the slices of the result point into
 * the body, or into `text` where an escape had to be resolved. The memory is
 * used again for the next body, so that a steady stream of pushes allocates
 * nothing. O(bytes).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "proto/label.h"

#define PUSH_BODY_MAX_LABELS 64         /* of a sample */
#define PUSH_BODY_MAX_NAME   1024       /* bytes of a name */
#define PUSH_BODY_MAX_VALUE  65536      /* bytes of a label's value */
#define PUSH_BODY_MAX_LINE   262144     /* bytes */
#define PUSH_BODY_MAX_BYTES  (1u << 30) /* of all */
#define PUSH_BODY_KEEP       65536      /* bytes of each array, trimmed */

enum metric_type {
	METRIC_UNTYPED,
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_SUMMARY,
	METRIC_HISTOGRAM,
	METRIC_GAUGE_HISTOGRAM,
	N_METRIC_TYPES,
};

/* "counter", as TYPE has it. */
const char *metric_type_name(enum metric_type type);
/* In any case of letters, also GAUGE_HISTOGRAM; -EINVAL if it is none. */
int metric_type_parse(struct slice text, enum metric_type *typep) MUST_CHECK;

/* What a sample's name has beyond its family's. */
enum metric_suffix {
	METRIC_PLAIN,
	METRIC_BUCKET, /* _bucket */
	METRIC_SUM,    /* _sum */
	METRIC_COUNT,  /* _count */
	METRIC_GSUM,   /* _gsum, of a gauge histogram */
	METRIC_GCOUNT, /* _gcount */
	N_METRIC_SUFFIXES,
};
/* "" for METRIC_PLAIN. */
const char *metric_suffix_text(enum metric_suffix suffix);

struct push_body_sample {
	uint32_t family; /* place in push_body.families */
	enum metric_suffix suffix;
	uint32_t first_label; /* place in push_body.labels */
	uint32_t n_labels;    /* as given, in the order of the body */
	struct slice value;   /* its text */
};

struct push_body_family {
	struct slice name;
	struct slice help; /* unescaped; p == NULL: none was given */
	enum metric_type type;
	uint32_t n_samples;

	/* private below */
	uint32_t hash;
	bool typed; /* by TYPE, or by a sample */
};

struct push_body {
	/* in the order of their first mention; a family may have no samples */
	struct push_body_family *families;
	uint32_t n_families;
	/* in the order of the body; those of one family need not be together */
	struct push_body_sample *samples;
	uint32_t n_samples;
	struct label *labels; /* of all samples; values unescaped */
	uint32_t n_labels;

	/* private below */
	uint32_t cap_families;
	uint32_t cap_samples;
	uint32_t cap_labels;
	uint32_t *slots;  /* hash to family + 1; 0: free */
	uint32_t n_slots; /* in use, a power of two */
	uint32_t cap_slots;
	uint64_t seed;
	struct buf text;
};

/* Cannot fail and allocates nothing. @seed as for map_init(). */
void push_body_init(struct push_body *body, uint64_t seed);
void push_body_fini(struct push_body *body);

/* Gives back memory that a large body has needed; its result is gone. */
void push_body_trim(struct push_body *body);

enum push_body_outcome {
	PUSH_BODY_E_FORMAT = 101, /* not this format; 400 */
	/* read, and refused as metrics: 400, and a failed push of its group */
	PUSH_BODY_E_TIMESTAMP, /* it has timestamps */
	PUSH_BODY_E_RESERVED,  /* a label begins with "__" */
};

/*
 * push_body_parse() - read one whole body
 * @text: borrowed for as long as the result is used
 *
 * Returns 0 with the result in @body, a push_body_outcome with the words of
 * the answer in @err, or -ENOMEM. An empty body is one without families.
 */
int push_body_parse(struct push_body *body, struct slice text,
                    struct err *err) MUST_CHECK;
