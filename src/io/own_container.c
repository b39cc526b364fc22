/* SPDX-License-Identifier: Apache-2.0 */
#include "io/own_container.h"

#include <string.h>
#include "base/buf.h"
#include "io/atomic_file.h"

#define FILE_MAX    (4u << 20) /* bytes; a host has many mounts */
#define ID_DIGITS   64
#define HOST_DIGITS 12
/* Fields of a line of mountinfo, from 0. */
#define MOUNT_ROOT  3
#define MOUNT_POINT 4

static size_t count_digits(struct slice text)
{
	size_t n = 0;

	while (n < text.n && ((text.p[n] >= '0' && text.p[n] <= '9') ||
	                      (text.p[n] >= 'a' && text.p[n] <= 'f')))
		n++;
	return n;
}

/* The last id in @text: a container in a container has both in its path. */
static bool last_id(struct slice text, char *id)
{
	bool found = false;

	while (text.n) {
		size_t n = count_digits(text);

		if (n == ID_DIGITS) {
			memcpy(id, text.p, n);
			id[n] = '\0';
			found = true;
		}
		text = slice_skip(text, n ? n : 1);
	}
	return found;
}

/* Takes the text up to @end, or all, off the front. */
static struct slice take(struct slice *text, char end)
{
	const char *at = memchr(text->p, end, text->n);
	struct slice taken = *text;

	if (at)
		taken.n = (size_t)(at - text->p);
	*text = slice_skip(*text, at ? taken.n + 1 : taken.n);
	return taken;
}

static bool in_cgroup(struct slice line, char *id)
{
	return last_id(line, id);
}

/* On a host the mounts of its containers are seen, too; only we ourselves have
 * ours there. */
static bool in_mount(struct slice line, char *id)
{
	struct slice root = { 0 };
	struct slice point = { 0 };

	for (int i = 0; i <= MOUNT_POINT && line.n; i++) {
		point = take(&line, ' ');
		if (i == MOUNT_ROOT)
			root = point;
	}
	return (slice_is(point, "/etc/hostname") ||
	        slice_is(point, "/etc/resolv.conf") ||
	        slice_is(point, "/etc/hosts")) &&
	       last_id(root, id);
}

static bool in_file(const char *path, bool (*in_line)(struct slice, char *),
                    char *id)
{
	struct slice text;
	struct buf content;
	struct err err;
	bool found = false;

	if (atomic_file_read(path, FILE_MAX, &content, &err) == 0) {
		text = buf_slice(&content);
		while (text.n && !found)
			found = in_line(take(&text, '\n'), id);
	}
	buf_fini(&content);
	return found;
}

void own_container_find(const struct own_container_files *files,
                        char id[static OWN_CONTAINER_ID_MAX])
{
	struct slice host = slice_from(files->hostname);

	id[0] = '\0';
	if (in_file(files->cgroup, in_cgroup, id) ||
	    in_file(files->mountinfo, in_mount, id))
		return;
	if (host.n != HOST_DIGITS || count_digits(host) != HOST_DIGITS)
		return;
	memcpy(id, host.p, host.n);
	id[host.n] = '\0';
}
