/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample: the value of one series at one moment, as a source says it, and the
 * list of those that one reading found.
 */
#pragma once

#include <stddef.h>
#include "base/buf.h"
#include "base/macros.h"
#include "proto/label.h"

#define SAMPLE_MAX_SERIES 10000       /* of one subscription and reading */
#define SAMPLE_MAX_LABELS 128         /* of one series */
#define SAMPLE_MAX_TEXT   (16u << 20) /* bytes of all labels of a list */

struct sample {
	const struct label *labels; /* without the metric's name, sorted by
	                               name; borrowed */
	size_t n_labels;
	double value; /* may be NaN or infinite */
};

/*
 * The samples of a reading, with labels of their own. While it is filled only
 * `n` may be looked at; sample_list_end() makes the rest valid.
 */
struct sample_list {
	struct sample *samples;
	size_t n;

	/* private below */
	size_t max;
	size_t cap;
	struct label *labels; /* of all, one after another; without their text
	                         until the end */
	size_t n_labels;
	size_t cap_labels;
	struct buf text;
};

enum sample_outcome {
	SAMPLE_E_TOO_MANY = 1, /* series */
	SAMPLE_E_TOO_LARGE,    /* more labels, or text, than one may have */
};

/* Cannot fail and allocates nothing. @max: series, at most. */
void sample_list_init(struct sample_list *list, size_t max);
void sample_list_fini(struct sample_list *list); /* harmless on a zeroed one */

/* Empties it, and keeps what little memory it has; a lot is given back. */
void sample_list_reset(struct sample_list *list);

/* Copies; a label `__name__` is left out. 0, a sample_outcome or -ENOMEM; what
 * was in the list before stays. */
int sample_list_add(struct sample_list *list, const struct label *labels,
                    size_t n_labels, double value) MUST_CHECK;

/* All are in; nothing can be added before a reset. */
void sample_list_end(struct sample_list *list);
