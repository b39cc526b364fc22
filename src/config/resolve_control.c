/* SPDX-License-Identifier: Apache-2.0 */
/* What steers the daemon from outside, and when it keeps quiet. */
#include "config/resolve.h"

#include <errno.h>
#include "base/text.h"
#include "config/timezone.h"

#define CONTROL_SOCKET     "/run/bouncer/control.sock"
#define CONTROL_SOCKET_MAX 107 /* bytes of a unix socket's path */
#define GROUP_MAX          64

static bool is_path(struct slice text)
{
	return text.n > 0 && text.p[0] == '/' && text_is_printable(text);
}

static void read_socket(struct resolve *resolve, const struct reader *reader,
                        const char *text)
{
	struct config_global *global = &resolve->global;
	struct slice path = slice_from(text);

	global->control_socket = NULL;
	if (slice_is(path, "none"))
		return;
	if (!text) {
		text = CONTROL_SOCKET;
		global->control_is_default = true;
	} else if (!is_path(path)) {
		reader_value(reader, "control_socket", text,
		             "is not a path; it begins with /, or is none");
	} else if (path.n > CONTROL_SOCKET_MAX) {
		reader_value(reader, "control_socket", text,
		             "is too long for a socket; %d bytes are the most",
		             CONTROL_SOCKET_MAX);
	}
	global->control_socket = resolve_text(resolve, text);
}

static void read_group(struct resolve *resolve, const struct reader *reader,
                       const char *text)
{
	struct slice name = slice_from(text);

	if (!text)
		return;
	if (name.n == 0 || name.n > GROUP_MAX || !text_is_printable(name) ||
	    memchr(name.p, ':', name.n))
		reader_value(reader, "control_group", text,
		             "is not the name of a group");
	else if (!resolve->global.control_socket)
		reader_problem(reader, "control_group",
		               "is for control_socket, which is none; remove "
		               "one");
	resolve->global.control_group = resolve_text(resolve, text);
}

void resolve_control(struct resolve *resolve, const struct reader *reader,
                     const struct raw_global *raw)
{
	struct config_global *global = &resolve->global;

	read_socket(resolve, reader, raw->control_socket);
	read_group(resolve, reader, raw->control_group);
	if (raw->timezone && !timezone_exists(slice_from(raw->timezone)))
		reader_value(reader, "timezone", raw->timezone,
		             "is not a time zone here; use a name such as "
		             "Europe/Berlin (is tzdata installed?), UTC, or "
		             "CET-1CEST,M3.5.0,M10.5.0/3");
	global->timezone = resolve_text(resolve, raw->timezone);
}

void resolve_quiet(struct resolve *resolve, const struct reader *reader,
                   const char *const *texts, unsigned n,
                   struct quiet_given *given)
{
	struct place list = reader_place(reader, "quiet");
	struct quiet_window *windows;

	if (!place_find(&list))
		return;
	*given = (struct quiet_given){ 0 };
	if (n == 0)
		return;
	windows = arena_calloc(resolve->memory, n, sizeof(*windows));
	if (!windows) {
		resolve->failed = -ENOMEM;
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		struct place at = { .up = &list, .index = i };
		struct err err;

		if (place_left_out(&at))
			continue;
		if (quiet_parse(slice_from(texts[i]), &windows[i], &err) < 0)
			problem_value(resolve->problems, &at,
			              slice_from(texts[i]), "%s", err.message);
	}
	given->windows = windows;
	given->n = (uint8_t)n;
}

void resolve_auth(struct resolve *resolve, const struct raw_auth *raw)
{
	struct place place = { .up = &resolve->root, .key = "auth" };
	struct reader reader = { .problems = resolve->problems,
		                 .place = &place };

	resolve->token_file =
		resolve_file(resolve, &reader, "token_file", raw->token_file);
}
