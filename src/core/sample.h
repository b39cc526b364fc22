/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample: the value of one series at one moment, as a source says it.
 */
#pragma once

#include <stddef.h>
#include "proto/label.h"

#define SAMPLE_MAX_SERIES 10000 /* of one subscription and reading */

struct sample {
	const struct label *labels; /* without the metric's name; borrowed */
	size_t n_labels;
	double value; /* may be NaN or infinite */
};
