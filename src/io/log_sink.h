/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_sink: log lines to standard error, or to the journal behind it.
 *
 * A reader that does not keep up must not stop the loop: a line that cannot
 * be written at once is dropped and counted, and the next one that goes
 * through is preceded by how many are missing. Under systemd (JOURNAL_STREAM)
 * each line carries its priority, sd-daemon(3), and no time of its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/log.h"

struct log_sink {
	struct log log; /* hand this out */
	int fd;         /* borrowed */
	bool priorities;
	uint64_t n_dropped; /* since the last line that went through */
};

/* Level info, format logfmt; the owner may change both at any time. */
void log_sink_init(struct log_sink *sink, int fd);
