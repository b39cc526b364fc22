/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exporter_params: what an exporter is asked with: the params that were given,
 * and the query of its path. A param of several values makes several scrapes,
 * one for each combination.
 */
#pragma once

#include "base/arena.h"
#include "base/macros.h"
#include "base/slice.h"
#include "registry/model/model.h"

struct exporter_param {
	struct slice label; /* "__param_NAME" */
	struct slice *values;
	uint32_t n_values;
};

struct exporter_params {
	struct slice path; /* without the query; n is 0 if none was given */
	struct exporter_param *items; /* by name */
	uint32_t n;
	uint32_t n_combinations; /* at least 1 */
};

/* 0 or -ENOMEM. All lies in @arena, or is the exporter's. Names that cannot be
 * those of labels are left out. */
int exporter_params(struct arena *arena, const struct object *exporter,
                    struct exporter_params *params) MUST_CHECK;
/* The value of an item in the nth combination: the last one counts fastest. */
struct slice exporter_params_value(const struct exporter_params *params,
                                   uint32_t nth, uint32_t item);
