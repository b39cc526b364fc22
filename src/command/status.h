/* SPDX-License-Identifier: Apache-2.0 */
/* status: what the files of `bouncer status` share. */
#pragma once

#include "command/client.h"
#include "command/table.h"

#define STATUS_FRAME_MAX (128 << 20) /* bytes of what is shown */

struct status {
	/* set by the caller */
	struct client *client;
	const char *const *names; /* of monitors; none: all */
	size_t n_names;
	bool bad_only;

	/* results of status_read() */
	struct client_call daemon;
	struct client_call *calls; /* one for all monitors, or one for each */
	size_t n_calls;
	const struct json_t **monitors; /* those of rules last, by name */
	size_t n_monitors;
	size_t n_bad; /* of these */
};

/* Asks for everything; what to exit with. status_fini() in any case. */
int status_read(struct status *status) MUST_CHECK;
void status_fini(struct status *status);

/* The rule of that name, as it was answered; NULL: nothing was said of it. */
const struct json_t *status_rule(const struct status *status,
                                 struct slice name);

/* Neither good, nor paused, nor just starting. */
bool status_is_bad(const struct json_t *monitor);

/* Appends what a person sees; @screen->height limits the rows. 0 or the
 * failure of a buffer. */
int status_show(const struct status *status, const struct screen *screen,
                struct buf *out) MUST_CHECK;

/* Shows it again and again, until a signal; what to exit with. */
int status_watch(const struct command_io *io,
                 const struct client_options *options, struct status *status,
                 const struct screen *screen, uint64_t every_ms);
