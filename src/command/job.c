/* SPDX-License-Identifier: Apache-2.0 */
#include "command/job.h"

#include "proto/push_path_write.h"

int job_read(struct job *job, const char *name,
             const struct option_texts *labels, struct err *err)
{
	job->name = slice_from(name);
	for (job->n_labels = 0; job->n_labels < labels->n; job->n_labels++) {
		int r = push_label_parse(
			slice_from(labels->texts[job->n_labels]),
			&job->labels[job->n_labels], err);

		if (r < 0)
			return r;
	}
	return 0;
}
