/* SPDX-License-Identifier: Apache-2.0 */
#include "io/log_sink.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>
#include "proto/timestamp.h"

static const char *now(void *context, char *out)
{
	_Static_assert(TIMESTAMP_TEXT_MAX <= LOG_TIME_MAX, "it must fit");
	struct timeval tv;

	(void)context;
	(void)gettimeofday(&tv, NULL);
	return timestamp_format((int64_t)tv.tv_sec * 1000 + tv.tv_usec / 1000,
	                        out);
}

/* Room for at least PIPE_BUF bytes; a file and a terminal always have it. */
static bool writable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLOUT);
}

static bool write_out(struct log_sink *sink, struct slice text)
{
	while (text.n > 0) {
		size_t n = MIN(text.n, (size_t)4096);
		ssize_t written;

		if (!writable(sink->fd))
			return false;
		written = write(sink->fd, text.p, n);
		if (written <= 0)
			return false;
		text = slice_skip(text, (size_t)written);
	}
	return true;
}

static void emit(void *context, enum log_level level, struct slice line)
{
	/* sd-daemon(3): <3> error, <4> warning, <6> info, <7> debug */
	static const char priorities[] = { '3', '4', '6', '7' };
	struct log_sink *sink = context;
	char prefix[64];
	int n = 0;

	if (sink->n_dropped)
		n = snprintf(prefix, sizeof(prefix),
		             "level=warn msg=\"log lines dropped\" n=%" PRIu64
		             "\n",
		             sink->n_dropped);
	if (n && write_out(sink, slice_make(prefix, (size_t)n)))
		sink->n_dropped = 0;
	if (sink->priorities) {
		n = snprintf(prefix, sizeof(prefix), "<%c>", priorities[level]);
		if (!write_out(sink, slice_make(prefix, (size_t)n))) {
			sink->n_dropped++;
			return;
		}
	}
	if (!write_out(sink, line))
		sink->n_dropped++;
}

void log_sink_init(struct log_sink *sink, int fd)
{
	*sink = (struct log_sink){
		.log = { .emit = emit,
		         .context = sink,
		         .time = now,
		         .level = LOG_LEVEL_INFO },
		.fd = fd,
		.priorities = getenv("JOURNAL_STREAM") != NULL,
	};
	if (sink->priorities)
		sink->log.time = NULL;
}
