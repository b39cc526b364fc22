/* SPDX-License-Identifier: Apache-2.0 */
/* job: who pushes or pings, as the command line says it. */
#pragma once

#include "base/err.h"
#include "base/macros.h"
#include "command/options.h"
#include "proto/label.h"

struct job {
	struct slice name;
	struct label labels[OPTION_TEXTS_MAX];
	size_t n_labels;
};

/* Borrows what it is given. 0, or -EINVAL with the words. */
int job_read(struct job *job, const char *name,
             const struct option_texts *labels, struct err *err) MUST_CHECK;
